"""Public names are documented in numpydoc: what goes in, what comes out, what is raised."""

import dataclasses
import inspect
from enum import EnumType
from importlib import import_module

import pytest
from numpydoc.validate import validate
from pydantic import BaseModel

PACKAGES = ("ho_imaging", *(f"ho_imaging.{n}" for n in ("results", "readings", "reading", "progression", "evaluation")))
CHECKS = ("PR01", "PR02", "RT01", "SS")


def _public():
    for package in PACKAGES:
        module = import_module(package)
        for name in module.__all__:
            found = getattr(module, name)
            if not name.startswith("__") and callable(found):
                yield f"{package}.{name}"


def _expected(found):
    """Leave out what is documented elsewhere by a rule of its own."""
    own_init = inspect.isclass(found) and ("__init__" in vars(found) or dataclasses.is_dataclass(found))
    if inspect.isclass(found) and (issubclass(found, BaseModel) or isinstance(found, EnumType) or not own_init):
        return ("SS",)  # fields of models are described one by one; a subclass is built as its base is
    return CHECKS


@pytest.mark.parametrize("name", sorted(set(_public())))
def test_a_public_name_is_documented(name):
    package, _, attribute = name.rpartition(".")
    found = getattr(import_module(package), attribute)
    expected = _expected(found)
    problems = [(code, text) for code, text in validate(name)["errors"] if code.startswith(expected)]
    assert problems == []


@pytest.mark.parametrize("name", ["Analyzer", "BatchResults"])
def test_public_methods_are_documented(name):
    package = "ho_imaging" if name == "Analyzer" else "ho_imaging.results"
    kind = getattr(import_module(package), name)
    methods = [key for key, value in vars(kind).items() if inspect.isfunction(value) and not key.startswith("_")]
    for method in methods:
        found = validate(f"{package}.{name}.{method}")["errors"]
        assert [problem for problem in found if problem[0].startswith(CHECKS)] == [], method

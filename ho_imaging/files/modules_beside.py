"""Modules of a package, found where they lie, so that one is added by adding its file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

__all__ = ["modules_beside"]


def modules_beside(name: str) -> Iterator[ModuleType]:
    """Yield the modules of a module's package, without that module itself, in the order of their names.

    Parameters
    ----------
    name
        ``__name__`` of the module that asks.

    """
    package, _, own = name.rpartition(".")
    for other in sorted(module.name for module in iter_modules(sys.modules[package].__path__)):
        if other != own:
            yield import_module(f"{package}.{other}")

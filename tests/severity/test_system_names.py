"""A grading system is named in its own module and in the plan it leads in; everybody else asks."""

import ast
import re
from importlib import resources
from pathlib import Path

from ho_imaging.severity.systems import grade_scales

PACKAGE = Path(str(resources.files("ho_imaging")))
OWN = ("severity/systems/", "regions/")
TRUTH = ("simulation/hip_scene.py", "simulation/followup.py")
"""The simulator grows bone of a class on purpose and says which in its truth; it is below every grading system."""

NAMES = {scale.name for scale in grade_scales()}


def places():
    for path in sorted(PACKAGE.rglob("*")):
        place = path.relative_to(PACKAGE).as_posix()
        if path.is_file() and not place.startswith(OWN) and place not in TRUTH:
            yield place, path


def test_no_module_names_a_grading_system():
    found = [
        f"{place}:{node.lineno}"
        for place, path in places()
        if path.suffix == ".py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in NAMES
    ]
    assert found == []


def test_no_template_or_script_names_one():
    quoted = re.compile("|".join(rf"""["']{name}["']|\b{name}:""" for name in sorted(NAMES)))
    found = [
        place
        for place, path in places()
        if path.suffix in {".js", ".j2", ".html"} and quoted.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_the_names_that_are_looked_for_are_those_there_are():
    assert {"brooker", "walter_reed"} < NAMES
    assert any(PACKAGE.joinpath(place).is_file() for place in TRUTH)

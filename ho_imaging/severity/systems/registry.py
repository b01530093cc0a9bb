"""The systems there are, and which of them leads where. To add one, add its module beside this one."""

from __future__ import annotations

from ho_imaging.files.modules_beside import modules_beside
from ho_imaging.regions import all_plans, plan_of
from ho_imaging.severity.systems.biplanar import BIPLANAR
from ho_imaging.severity.systems.system import GradeScale, System
from ho_imaging.vocabulary import Region

__all__ = [
    "SYSTEMS",
    "all_systems",
    "grade_orders",
    "grade_scale",
    "grade_scales",
    "leading_system",
    "system_named",
]


def find_systems() -> tuple[System, ...]:
    """Return the systems of the modules of this package, in the order of the modules' names."""
    found: dict[str, System] = {}
    for module in modules_beside(__name__):
        found |= {value.name: value for value in vars(module).values() if isinstance(value, System)}
    return tuple(found.values())


SYSTEMS = find_systems()
"""Systems that grade one side of one film, in the order in which results list them."""


def all_systems() -> tuple[System, ...]:
    """Return the systems that grade one side of one film."""
    return SYSTEMS


def system_named(name: str) -> System | None:
    """Return the system of a name, or ``None``."""
    return next((system for system in SYSTEMS if system.name == name), None)


def grade_scales() -> tuple[GradeScale, ...]:
    """Return every system, those that grade from several views among them."""
    return (*SYSTEMS, BIPLANAR)


def grade_scale(name: str) -> GradeScale | None:
    """Return the grades of the system of a name, or ``None``."""
    return next((scale for scale in grade_scales() if scale.name == name), None)


def leading_system(region: Region) -> System:
    """Return the system whose grade stands for a film of a region, as its plan names it.

    Raises
    ------
    LookupError
        If the plan names a system that is not here.

    """
    plan = plan_of(region)
    system = system_named(plan.leading_system)
    if system is None:
        raise LookupError(f"the plan of {plan.name} names {plan.leading_system!r}, which is no grading system here")
    return system


def grade_orders() -> tuple[tuple[str, ...], ...]:
    """Return the grades that readers give, from none to worst: those of each system that leads in a region."""
    leading = dict.fromkeys(plan.leading_system for plan in all_plans())
    return tuple(system.grades for system in SYSTEMS if system.name in leading)

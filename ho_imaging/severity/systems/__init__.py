"""Published grading systems, one a module; to add one, add its module.

Nobody else names a system: what leads in a region stands in its `ho_imaging.regions.RegionPlan`.
"""

from ho_imaging.severity.systems.biplanar import BIPLANAR
from ho_imaging.severity.systems.brooker import BROOKER
from ho_imaging.severity.systems.della_valle import DELLA_VALLE
from ho_imaging.severity.systems.hastings_graham import HASTINGS_GRAHAM
from ho_imaging.severity.systems.registry import (
    SYSTEMS,
    all_systems,
    grade_orders,
    grade_scale,
    grade_scales,
    leading_system,
    system_named,
)
from ho_imaging.severity.systems.schmidt_hackenbrock import SCHMIDT_HACKENBROCK
from ho_imaging.severity.systems.system import GradeScale, Measured, Rule, System
from ho_imaging.severity.systems.walter_reed import WALTER_REED

__all__ = [
    "BIPLANAR",
    "BROOKER",
    "DELLA_VALLE",
    "HASTINGS_GRAHAM",
    "SCHMIDT_HACKENBROCK",
    "SYSTEMS",
    "WALTER_REED",
    "GradeScale",
    "Measured",
    "Rule",
    "System",
    "all_systems",
    "grade_orders",
    "grade_scale",
    "grade_scales",
    "leading_system",
    "system_named",
]

"""Published grading systems, one a module; to add one, write its module and name it here."""

from ho_imaging.severity.systems.brooker import BROOKER
from ho_imaging.severity.systems.della_valle import DELLA_VALLE
from ho_imaging.severity.systems.hastings_graham import HASTINGS_GRAHAM
from ho_imaging.severity.systems.schmidt_hackenbrock import SCHMIDT_HACKENBROCK
from ho_imaging.severity.systems.system import Measured, Rule, System
from ho_imaging.severity.systems.walter_reed import WALTER_REED
from ho_imaging.vocabulary import Region

__all__ = ["SYSTEMS", "Measured", "Rule", "System", "leading_system"]

SYSTEMS: tuple[System, ...] = (BROOKER, DELLA_VALLE, SCHMIDT_HACKENBROCK, WALTER_REED, HASTINGS_GRAHAM)


def leading_system(region: Region) -> System:
    """Give the system whose grade stands for a film of this region."""
    if region is Region.RESIDUAL_LIMB:
        return WALTER_REED
    if region is Region.ELBOW:
        return HASTINGS_GRAHAM
    return BROOKER

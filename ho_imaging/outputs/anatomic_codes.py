"""SNOMED CT codes of sites and sides, for every kind of object that names them."""

from __future__ import annotations

from ho_imaging.regions import PLANS
from ho_imaging.vocabulary import Side

__all__ = ["SIDE_CODES", "SITE_CODES"]

SIDE_CODES = {  # DICOM PS3.16 CID 244
    Side.LEFT: ("7771000", "Left"),
    Side.RIGHT: ("24028007", "Right"),
}
SITE_CODES = {region: plan.site for region, plan in PLANS.items() if plan.site is not None}  # DICOM PS3.16 CID 4

"""SNOMED CT codes of sites and sides, for every kind of object that names them."""

from __future__ import annotations

from ho_imaging.vocabulary import Region, Side

__all__ = ["SIDE_CODES", "SITE_CODES"]

SIDE_CODES = {  # DICOM PS3.16 CID 244
    Side.LEFT: ("7771000", "Left"),
    Side.RIGHT: ("24028007", "Right"),
}
_HIP = ("29836001", "Hip")
SITE_CODES = {  # DICOM PS3.16 CID 4
    Region.HIP: _HIP,
    Region.PELVIS: _HIP,  # findings of a pelvis film are graded hip by hip
    Region.THIGH: ("68367000", "Thigh"),
    Region.KNEE: ("72696002", "Knee"),
    Region.RESIDUAL_LIMB: ("68367000", "Thigh"),
}

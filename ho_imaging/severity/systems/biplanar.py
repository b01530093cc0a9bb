"""Grade of a hip from two views (Onsen et al., Hip Int 2023;33:420).

Grade 1: at least 1 cm between bone on both the AP and the lateral view. Grade 2: under 1 cm on either. 0 is added here
for hips without ectopic bone on both.
"""

from __future__ import annotations

from collections.abc import Mapping

from ho_imaging.messages import Message
from ho_imaging.severity.film import SideView
from ho_imaging.severity.grade import Category
from ho_imaging.severity.systems.hip import is_hip
from ho_imaging.severity.systems.system import GradeScale
from ho_imaging.vocabulary import View

__all__ = ["BIPLANAR", "applies_to", "grade_biplanar"]

BIPLANAR = GradeScale(
    name="biplanar",
    title="Biplanar grade",
    short="Biplanar",
    citation="Onsen et al., Hip Int 2023;33:420",
    confirmed=True,
    grades=("0", "1", "2"),
    categories={"0": Category.NONE, "1": Category.MILD, "2": Category.SEVERE},
    code="BP",
    no_bone="0",
)

_FRONTAL = {View.AP, View.PA}
_LATERAL = {View.LATERAL, View.CROSS_TABLE_LATERAL, View.FROG_LEG}


def applies_to(view: SideView) -> bool:
    """Return True for a side whose joint is a hip."""
    return is_hip(view)


def grade_biplanar(under_a_centimetre: Mapping[View, bool | None]) -> tuple[str | None, Message]:
    """Grade a hip from what each view shows, and say why.

    Parameters
    ----------
    under_a_centimetre
        For each view at hand, True if bones come closer than 1 cm; ``None``: no ectopic bone there.

    """
    frontal = [close for view, close in under_a_centimetre.items() if view in _FRONTAL]
    lateral = [close for view, close in under_a_centimetre.items() if view in _LATERAL]
    if not frontal or not lateral:
        return None, Message("lateral_view_missing") if frontal else Message("ap_view_missing")
    shown = [*frontal, *lateral]
    if any(shown):
        return "2", Message("biplanar_narrow")
    if all(close is None for close in shown):
        return "0", Message("biplanar_none")
    return "1", Message("biplanar_wide")

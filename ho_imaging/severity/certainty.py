"""Nodules that a grade may rest on: those that touch bone only if the model is sure of them."""

from __future__ import annotations

from collections.abc import Sequence

from ho_imaging.severity.layout import Arrangement

__all__ = ["SURE_CONFIDENCE", "counted_nodules"]

SURE_CONFIDENCE = 0.85
"""A nodule that touches bone counts for a grade from this confidence; a free one counts when it is reported.

Contact with native bone makes class II to IV, and there false positives lie: edges of cortex, osteophytes, fragments.
Measured with hip 0.9.0 on 164 sides of real adult hips without ectopic bone, and on 121 sides of simulated test films:

========== ================================ ============================
confidence sides graded II to IV that are 0 kappa on simulated films
========== ================================ ============================
0          21                               0.968
0.5        12                               0.968
0.7        6                                0.968
0.8        3                                0.963
0.85       2 (1 where coarse films get none) 0.946
0.95       0                                0.906
========== ================================ ============================
"""


def counted_nodules(arrangement: Arrangement, confidences: Sequence[float]) -> list[bool]:
    """Return for each nodule of a side whether it counts for the grade.

    Parameters
    ----------
    arrangement
        Of all reported nodules.
    confidences
        Of every nodule of the side, in the order of the arrangement's indices.

    """
    counted = [False] * len(confidences)
    for piece in arrangement.pieces:
        for index in piece.nodules:
            is_free = not (piece.on_first or piece.on_second)
            counted[index] = is_free or confidences[index] >= SURE_CONFIDENCE
    return counted

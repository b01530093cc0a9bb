"""Nodules that a grade may rest on: those that touch bone only if the model is sure of them."""

from __future__ import annotations

from collections.abc import Sequence

from ho_imaging.severity.layout import Arrangement

__all__ = ["SURE_CONFIDENCE", "counted_nodules"]

SURE_CONFIDENCE = 0.8
"""A nodule that touches bone counts for a grade from this confidence; a free one counts when it is reported.

Contact with native bone makes class II to IV, and there false positives lie: edges of cortex, osteophytes, fragments.
Measured with hip 0.11.0, whose operating threshold is a confidence of 0.56, on 187 sides of real adult hips without
ectopic bone, and on 230 sides of 174 simulated test studies:

========== ================================ ============================
confidence sides graded II to IV that are 0 kappa on simulated images
========== ================================ ============================
0          1                                0.959
0.6        0                                0.948
0.7        0                                0.948
0.8        0                                0.948
0.85       0                                0.931
0.9        0                                0.913
0.95       0                                0.882
========== ================================ ============================

0.8 is the highest confidence that costs no more than the least one without a false class.
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

"""Samples of mimics, structures that look like ectopic bone, each kind with its usual frequency.

The kinds are drawn by family in ``mimics_bony``, ``mimics_calcified``, ``mimics_medical`` and ``mimics_objects``, as
mm of material, each with its own mask.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ho_imaging.simulation.mimic_drawing import Mimic
from ho_imaging.simulation.mimics_bony import avulsion, bone_islands, healed_fracture, ossicle, outgrowths
from ho_imaging.simulation.mimics_calcified import (
    calcified_arteries,
    calcified_fibroid,
    calcified_node,
    injection_granulomas,
    phleboliths,
    stones,
)
from ho_imaging.simulation.mimics_medical import clips, contrast_medium, gonad_shield, seeds, staples, stent
from ho_imaging.simulation.mimics_objects import buttons_or_zip, electrode, tubing
from ho_imaging.simulation.pose import Hip
from ho_imaging.simulation.projection import Camera

__all__ = ["sample_mimics", "sample_objects"]


def sample_mimics(
    rng: np.random.Generator,
    camera: Camera,
    hips: tuple[Hip, Hip],
    bone: NDArray[np.bool_],
    abundance: float = 1.0,
) -> list[Mimic]:
    """Draw mimics with their usual frequency times ``abundance``, each kind independently.

    Parameters
    ----------
    rng
        Random generator.
    camera
        Source and detector.
    hips
        Right and left hip.
    bone
        (rows, columns) bool, native bone.
    abundance
        Factor on the frequency of each kind.

    Returns
    -------
    list of Mimic
        The mimics in projection.

    """
    mimics: list[Mimic] = []
    chances = (
        (phleboliths, 0.40),
        (calcified_arteries, 0.22),
        (calcified_node, 0.10),
        (injection_granulomas, 0.10),
        (ossicle, 0.08),
        (contrast_medium, 0.06),
        (staples, 0.10),
        (clips, 0.08),
        (calcified_fibroid, 0.04),
        (stones, 0.04),
        (seeds, 0.03),
        (stent, 0.03),
        (gonad_shield, 0.03),
    )
    for draw, chance in chances:
        if rng.random() < chance * abundance:
            mimics.extend(draw(rng, camera, hips))
    if rng.random() < 0.06 * abundance:
        mimics.extend(bone_islands(rng, camera, hips, bone))
    for thing, chance in ((electrode, 0.08), (buttons_or_zip, 0.07), (tubing, 0.08)):
        if rng.random() < chance * abundance:
            mimics.extend(thing(rng, camera))
    for hip in hips:
        if rng.random() < 0.30 * abundance:
            mimics.extend(outgrowths(rng, camera, hip))
        if rng.random() < 0.03 * abundance:
            mimics.append(healed_fracture(rng, camera, hip.shaft))
        if rng.random() < 0.04 * abundance:
            mimics.append(avulsion(rng, camera, hip))
    return [mimic for mimic in mimics if mimic.mask.any()]


def sample_objects(rng: np.random.Generator, camera: Camera) -> list[Mimic]:
    """Draw objects on or in a patient that may be anywhere: electrodes, buttons, tubing.

    Parameters
    ----------
    rng
        Random generator.
    camera
        Source and detector.

    Returns
    -------
    list of Mimic
        The objects in projection.

    """
    found: list[Mimic] = []
    for draw, chance in ((electrode, 0.2), (buttons_or_zip, 0.12), (tubing, 0.15)):
        if rng.random() < chance:
            found.extend(draw(rng, camera))
    return found

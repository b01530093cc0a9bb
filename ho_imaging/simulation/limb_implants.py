"""Metal in a leg: femoral nails, plates with screws, knee replacements."""

from __future__ import annotations

import numpy as np

from ho_imaging.simulation.implants import flat_plate, screw
from ho_imaging.simulation.limb import Limb
from ho_imaging.simulation.scene import Material
from ho_imaging.simulation.shape_model import Mesh
from ho_imaging.simulation.solids import tube

__all__ = ["implant_bodies"]

Bodies = list[tuple[Material, Mesh]]

_SHARE = 0.2


def implant_bodies(rng: np.random.Generator, limb: Limb) -> tuple[str | None, Bodies]:
    """Draw the metal of a leg, if any; most of it is in fractured legs.

    Parameters
    ----------
    rng
        Random generator.
    limb
        The posed leg.

    Returns
    -------
    kind : str or None
        Kind of implant.
    bodies : list of tuple of Material and Mesh
        Its parts.

    """
    if rng.random() > _SHARE:
        return None, []
    metal = Material(rng.choice([Material.TITANIUM, Material.STEEL]))
    kinds = ["femoral_nail", "femoral_plate"] if limb.cut is not None else ["femoral_nail", "femoral_plate", "knee"]
    kind = str(rng.choice(kinds))
    if kind == "femoral_nail":
        return kind, _nail(rng, limb, metal)
    if kind == "femoral_plate":
        return kind, _plate(rng, limb, metal)
    return "total_knee", _knee(rng, limb)


def _nail(rng: np.random.Generator, limb: Limb, metal: Material) -> Bodies:
    end = limb.cut - 12.0 * limb.down if limb.cut is not None else limb.marks["knee"] - 40.0 * limb.down
    start = limb.marks["shaft_top"] - 90.0 * limb.down
    path = np.stack([start + s * (end - start) for s in np.linspace(0.0, 1.0, 16)])
    bodies: Bodies = [(metal, tube(path, np.full(16, rng.uniform(4.5, 6.5))))]
    for back in rng.uniform(8.0, 45.0, int(rng.integers(1, 4))):
        middle = end - back * limb.down
        side = limb.outward + rng.normal(0.0, 0.1) * limb.forward
        bodies.append(
            (metal, screw(middle + rng.uniform(17.0, 30.0) * side, middle - rng.uniform(17.0, 30.0) * side, 2.4))
        )
    return bodies


def _plate(rng: np.random.Generator, limb: Limb, metal: Material) -> Bodies:
    low = (
        limb.cut - 15.0 * limb.down
        if limb.cut is not None
        else limb.marks["middle"] + rng.uniform(20.0, 110.0) * limb.down
    )
    length = rng.uniform(80.0, 190.0)
    offset = rng.uniform(15.0, 19.0) * limb.outward
    bodies = flat_plate(np.stack([low + offset - s * limb.down for s in np.linspace(0.0, length, 20)]), metal)
    for s in np.arange(8.0, length, rng.uniform(14.0, 22.0)):
        if rng.random() < 0.75:
            top = low + offset - s * limb.down
            bodies.append((metal, screw(top, top - rng.uniform(30.0, 40.0) * limb.outward, 2.3)))
    return bodies


def _knee(rng: np.random.Generator, limb: Limb) -> Bodies:
    """Build two condylar runners, a tibial tray on a peg, and plastic between them."""
    knee = limb.marks["knee"]
    joint = knee + 22.0 * limb.down
    angles = np.linspace(-0.5 * np.pi, 0.75 * np.pi, 18)
    bodies: Bodies = []
    for sideways in (-20.0, 20.0):
        middle = knee + sideways * limb.outward
        runner = middle + 21.0 * (np.sin(angles)[:, None] * limb.forward + np.cos(angles)[:, None] * limb.down)
        bodies.append((Material.STEEL, tube(runner, np.full(18, rng.uniform(7.0, 9.5)))))
    tray = joint + 10.0 * limb.down
    for forward in (-14.0, 0.0, 14.0):
        line = np.stack([tray + forward * limb.forward + s * limb.outward for s in np.linspace(-36.0, 36.0, 8)])
        bodies.append((Material.TITANIUM, tube(line, np.full(8, 2.6), sides=12)))
    peg = np.stack([tray + s * limb.down for s in np.linspace(0.0, rng.uniform(30.0, 60.0), 8)])
    bodies.append((Material.TITANIUM, tube(peg, np.linspace(8.0, 5.0, 8))))
    return bodies

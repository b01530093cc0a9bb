import numpy as np
import pytest

from ho_imaging.simulation.scene import Material, Scene


@pytest.fixture
def slab_scene() -> Scene:
    """A slab of soft tissue with a bony bar, a steel rod and open field at both sides; 0.5 mm pixels."""
    rows, columns = 160, 200
    x = np.arange(columns)[None, :] * np.ones((rows, 1))
    y = np.arange(rows)[:, None] * np.ones((1, columns))
    body = (x >= 20) & (x < 180)
    bar = (x >= 60) & (x < 76)
    rod = (x >= 120) & (x < 130) & (y >= 30) & (y < 130)
    bone = np.where(bar, 12.0, 0.0)
    steel = np.where(rod, 5.0, 0.0)
    muscle = np.where(body, 150.0, 0.0) - bone - steel
    fat = np.where(body, 20.0, 0.0)
    layers = {Material.MUSCLE: muscle, Material.FAT: fat, Material.BONE: bone, Material.STEEL: steel}
    return Scene(
        thickness_mm={material: layer.astype(np.float32) for material, layer in layers.items()},
        masks={"body": body, "femur_left": bar, "implant": rod, "ho": np.zeros_like(body)},
        pixel_mm=0.5,
        magnification=1.15,
        region="hip",
        view="ap",
        laterality="left",
        truth={"nodules": [], "note": "slab"},
    )

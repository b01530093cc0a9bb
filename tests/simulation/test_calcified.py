"""Images that are rich in calcification: more of it, and nothing else changed."""

from __future__ import annotations

from typing import Any

import numpy as np

from ho_imaging.simulation.hip_plan import HipPlan
from ho_imaging.simulation.hip_scene import sample_hip_scene
from ho_imaging.simulation.scene import Material

COARSE: dict[str, Any] = {"pixel_mm": 1.5}
KINDS = ("mimic_arterial_calcification", "mimic_injection_granuloma", "mimic_os_acetabuli")


def test_calcification_is_added_to_a_scene_and_is_no_ectopic_bone():
    more = 0
    for seed in range(31, 36):
        usual = sample_hip_scene(seed, HipPlan(**COARSE))
        rich = sample_hip_scene(seed, HipPlan(calcified=1.0, **COARSE))
        for name in usual.masks.keys() - set(KINDS):
            np.testing.assert_array_equal(usual.masks[name], rich.masks[name], err_msg=name)
        assert set(usual.masks) <= set(rich.masks)
        assert rich.truth["nodules"] == usual.truth["nodules"]
        added = rich.thickness_mm[Material.BONE] - usual.thickness_mm[Material.BONE]
        assert added.min() >= -1e-4
        marked = np.any([rich.masks[kind] for kind in KINDS if kind in rich.masks] or [added > np.inf], axis=0)
        assert not (added > 0.16)[~marked].any()
        more += bool((added > 0.16).any())
    assert more >= 4


def test_solid_bodies_lie_above_the_joint():
    for seed in range(41, 47):
        rich = sample_hip_scene(seed, HipPlan(clutter=False, calcified=1.0, **COARSE))
        lumps = rich.masks.get("mimic_injection_granuloma")
        if lumps is not None:
            head_row = max(side["head_center_rc"][0] for side in rich.truth["sides"])
            assert np.flatnonzero(lumps.any(axis=1)).max() < head_row

"""Two visits of one patient: the same nodules in another place, grown by what the truth says."""

import json

import numpy as np
import pytest

from ho_imaging.simulation.followup import sample_pair, write_pair
from ho_imaging.simulation.hip_plan import HipPlan
from ho_imaging.simulation.hip_scene import sample_hip_scene
from ho_imaging.vocabulary import Region, View

PLAN = HipPlan(grades=("I", "0"), view=View.AP, region=Region.PELVIS, pixel_mm=1.0)


def volumes(scene):
    return np.array([nodule["volume_mm3"] for nodule in scene.truth["nodules"]])


def test_the_first_visit_is_the_film_the_seed_makes_anyway():
    before, _, _ = sample_pair(5, "growing", PLAN)
    alone = sample_hip_scene(5, PLAN)
    for material, thickness in alone.thickness_mm.items():
        np.testing.assert_array_equal(before.thickness_mm[material], thickness)


def test_an_unchanged_patient_has_moved_and_kept_every_nodules_volume():
    before, after, truth = sample_pair(5, "unchanged", PLAN)
    assert volumes(after) == pytest.approx(volumes(before), rel=0.12)  # the voxels are new
    assert (before.masks["pelvis"] ^ after.masks["pelvis"]).sum() > 500
    assert {n["factor"] for n in truth["nodules"]} == {1.0}


def test_growth_follows_the_factor_in_area_and_its_power_in_volume():
    before, after, truth = sample_pair(8, "growing", PLAN)
    factors = np.array([n["factor"] for n in truth["nodules"]])
    assert (factors >= 1.0).all()
    assert (factors > 1.1).any()
    assert volumes(after) / volumes(before) == pytest.approx(factors**1.5, rel=0.15)


def test_a_pair_on_disk_is_one_patient_with_two_dates(tmp_path):
    import pydicom  # noqa: PLC0415

    folder = write_pair(tmp_path, 8, "shrinking", PLAN, days=45)
    first, second = (pydicom.dcmread(folder / name / "film.dcm") for name in ("baseline", "followup"))
    assert first.PatientID == second.PatientID
    assert first.StudyInstanceUID != second.StudyInstanceUID
    assert (first.StudyDate, second.StudyDate) == ("20250101", "20250215")
    assert json.loads((folder / "pair.json").read_text())["course"] == "shrinking"

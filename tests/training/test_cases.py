from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from ho_imaging.errors import ReadError
from ho_imaging.simulation.hip_plan import HipPlan
from ho_imaging.simulation.hip_scene import sample_hip_scene
from ho_imaging.simulation.scene import Material, Scene
from ho_imaging.training.cases import (
    BITS,
    IGNORE_BIT,
    MASK_BITS,
    MIMIC_BIT,
    as_bit,
    case_from_scene,
    list_cases,
    read_case,
    read_case_info,
    read_nodules,
    write_case,
)
from ho_imaging.vocabulary import Region, Structure, View


def test_a_case_comes_back(tmp_path, make_toy_case):
    case = make_toy_case(3, "val")
    path = tmp_path / "case_0003.safetensors"
    write_case(path, case, truth={"nodules": [{"area_mm2": 12.5}]})
    back = read_case(path)
    assert back.info == case.info == read_case_info(path)
    assert set(back.thickness_mm) == {Material.MUSCLE, Material.BONE}
    np.testing.assert_array_equal(back.thickness_mm[Material.BONE], case.thickness_mm[Material.BONE])
    np.testing.assert_array_equal(back.bits, case.bits)
    assert [path.name for path in tmp_path.iterdir()] == ["case_0003.safetensors"]


def test_bits_are_the_documented_ones(make_toy_case):
    assert {str(s): bit for s, bit in MASK_BITS.items()} == {
        "ho": 0,
        "pelvis": 1,
        "femur": 2,
        "femoral_head": 3,
        "implant": 4,
        "body": 5,
    }
    case = make_toy_case(0)
    np.testing.assert_array_equal(case.mask(Structure.FEMORAL_HEAD), case.bits & 8 != 0)


def test_there_is_room_for_more_structures_than_eight_bits_hold(tmp_path, make_toy_case):
    """Every structure and both marks have a bit of their own, and eight more structures would have one."""
    taken = [*MASK_BITS.values(), IGNORE_BIT, MIMIC_BIT]
    assert len(set(taken)) == len(taken)
    assert max(taken) + 8 < 8 * np.dtype(BITS).itemsize
    case = make_toy_case(0)
    case = case._replace(bits=case.bits | as_bit(case.mask(Structure.HO), 15))
    path = tmp_path / "case_0000.safetensors"
    write_case(path, case)
    np.testing.assert_array_equal(read_case(path).bits, case.bits)
    assert read_case(path).bits.dtype == BITS


def kept_as(path, case, masks, version):
    """Write a case with its masks as another version of this program would."""
    write_case(path, case)
    with safe_open(path, framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (the file is no mapping)
        about = json.loads(file.metadata()["case"])
    del about["masks_version"]
    if version is not None:
        about["masks_version"] = version
    save_file(tensors | {"masks": masks}, path, metadata={"case": json.dumps(about)})


def test_a_case_of_eight_bits_is_read(tmp_path, make_toy_case):
    case = make_toy_case(3)
    path = tmp_path / "case_0003.safetensors"
    kept_as(path, case, case.bits.astype(np.uint8), None)
    np.testing.assert_array_equal(read_case(path).bits, case.bits)


@pytest.mark.parametrize(
    ("version", "kind", "said"),
    [(3, np.uint16, "version 3"), (2, np.uint8, "uint8"), ("x", np.uint16, "version x")],
)
def test_masks_of_another_version_are_refused_with_its_number(tmp_path, make_toy_case, version, kind, said):
    case = make_toy_case(3)
    path = tmp_path / "case_0003.safetensors"
    kept_as(path, case, case.bits.astype(kind), version)
    with pytest.raises(ReadError, match=said):
        read_case(path)


def test_a_scene_becomes_a_case():
    ho, ignore = np.zeros((2, 4, 5), dtype=bool)
    ho[1, 2] = ho[2, 2] = ignore[2, 2] = True
    bone = np.full((4, 5), 7.0, dtype=np.float32)
    masks = {"ho": ho, "ignore": ignore, "body": np.ones((4, 5), dtype=bool), "mimic_phlebolith": ho}
    scene = Scene({Material.BONE: bone}, masks, 0.6, 1.15, "pelvis", "ap", "bilateral")
    case = case_from_scene(scene, anatomy_seed=4, split="test", scope=False)
    assert (case.bits[1, 2], case.bits[2, 2], case.bits[0, 0]) == (0b10100001, 0b11100001, 0b00100000)
    assert (case.info.magnification, case.info.split, case.info.scope) == (1.15, "test", False)
    np.testing.assert_array_equal(case.thickness_mm[Material.BONE], bone)


def test_nodules_are_kept_apart_and_come_back_into_thickness_and_truth(tmp_path):
    """What a scene shows with its nodules is what its case shows once they are laid in again."""
    scene = sample_hip_scene(11, HipPlan(grades=("III", "I"), pixel_mm=1.5, region=Region.PELVIS, view=View.AP))
    path = tmp_path / "case_0001.safetensors"
    write_case(path, case_from_scene(scene, anatomy_seed=11, split="train"), truth=scene.truth)
    case = read_case(path)
    assert len(case.nodules) == len(scene.nodules) == len(scene.truth["nodules"]) > 1
    assert not case.mask(Structure.HO).any()
    assert [layer.fixed for layer in read_nodules(path)[1]] == [layer.fixed for layer in scene.nodules]
    whole = case.with_nodules()
    for material in (Material.BONE, Material.MUSCLE):
        # Half precision on disk: 200 mm to 0.1 mm.
        np.testing.assert_allclose(whole.thickness_mm[material], scene.thickness_mm[material], atol=0.2)
    assert (whole.mask(Structure.HO) != scene.masks["ho"]).sum() <= 0.01 * scene.masks["ho"].sum()
    without = case._replace(nodules=()).with_nodules()
    ho = scene.masks["ho"]
    assert (without.thickness_mm[Material.BONE][ho] < scene.thickness_mm[Material.BONE][ho]).all()


def test_splits_are_told_apart(toy_cases):
    assert [p.name for p in list_cases(toy_cases, "val")] == ["case_0006.safetensors", "case_0007.safetensors"]
    assert len(list_cases(toy_cases, "train")) == 6
    assert len(list_cases(toy_cases)) == 8
    assert list_cases(toy_cases, "test") == []


MASKS = np.zeros((4, 5), dtype=np.uint8)


@pytest.mark.parametrize(
    ("tensors", "metadata"),
    [
        ({"masks": MASKS}, None),
        ({"masks": MASKS}, {"case": "no json"}),
        ({"masks": MASKS}, {"case": json.dumps({"pixel_mm": -1})}),
        ({"masks": MASKS, "thickness_cheese": MASKS.astype(np.float16)}, {"case": '{"pixel_mm": 0.6}'}),
        ({"masks": MASKS, "thickness_bone": np.zeros((4, 4), np.float16)}, {"case": '{"pixel_mm": 0.6}'}),
        ({"masks": MASKS.astype(np.int32)}, {"case": '{"pixel_mm": 0.6}'}),
        ({"masks": np.zeros((1, 9000), np.uint8)}, {"case": '{"pixel_mm": 0.6}'}),
        ({"thickness_bone": MASKS.astype(np.float16)}, {"case": '{"pixel_mm": 0.6}'}),
    ],
)
def test_what_is_no_case_is_refused(tmp_path, tensors, metadata):
    path = tmp_path / "case_bad.safetensors"
    save_file(tensors, path, metadata=metadata)
    with pytest.raises(ReadError, match="case_bad"):
        read_case(path)


def test_a_file_cut_short_is_refused(toy_cases):
    path = toy_cases / "case_0000.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ReadError, match="not a case file"):
        read_case(path)

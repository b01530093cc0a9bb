"""An invented joint, made of a plan and a toy grading system alone, is read, gated, laid out and graded."""

from dataclasses import replace
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pytest

from ho_imaging import regions
from ho_imaging.errors import OutOfScopeError
from ho_imaging.findings import find_nodules, find_possible_nodules, read_anatomy
from ho_imaging.gate import check_anatomy, check_attributes, check_region
from ho_imaging.network.prediction import ModelIdentity, Prediction
from ho_imaging.outputs.report import drawing
from ho_imaging.preparing import Scale
from ho_imaging.preparing.prepared import GridMap, Prepared
from ho_imaging.regions import Bone, Landmark, RegionPlan, ScopeLimits, plan_of, table
from ho_imaging.results.bone_outlines import bone_outlines
from ho_imaging.review.overlays import Overlays
from ho_imaging.review.viewer_words import length
from ho_imaging.severity import Category, FilmReading, grade_study, systems
from ho_imaging.severity.systems import System, leading_system, registry
from ho_imaging.vocabulary import Laterality, Region, Side, SpacingBasis, Structure, View

SHAPE = (240, 240)


def new_structure(name):
    """A structure as one more line of the vocabulary would make it."""
    member = str.__new__(Structure, name)
    member._name_, member._value_ = name.upper(), name
    return member


SCAPULA, HUMERUS, HUMERAL_HEAD = (new_structure(name) for name in ("scapula", "humerus", "humeral_head"))

SHOULDER = RegionPlan(
    name="shoulder",
    bones=(Bone(SCAPULA, 100.0, ("79601000", "Scapula")), Bone(HUMERUS, 100.0, ("85050009", "Humerus"))),
    opposing=(SCAPULA, HUMERUS),
    cortex=HUMERUS,
    landmark=Landmark(
        structure=HUMERAL_HEAD,
        bone=HUMERUS,
        diameter_mm=44.0,
        scale_sd=0.1,
        words="humeral heads",
        code=("64262003", "Head of humerus"),
        radius_range_mm=(12.0, 36.0),
        least_prosthesis_radius_mm=10.0,
        periarticular_radii=3.0,
        apart_radii=6.0,
        beside_radii=2.0,
        registered_radii=4.0,
    ),
    least_opposing_mm2=200.0,
    gap_reach_mm=60.0,
    magnification=(1.1, 0.05),
    long_side_mm=300.0,
    scope=ScopeLimits(
        (Region.SHOULDER,), ((SCAPULA, 400.0), (HUMERUS, 400.0)), None, is_definite=True, needs_joint=False
    ),
    site=("16982005", "Shoulder"),
    leading_system="toy",
)


def rule(_view):
    def grade(arrangement, measured):
        if not arrangement.pieces:
            return "clear"
        if arrangement.bridged:
            return "locked"
        return "far" if measured.gap_mm is None or measured.gap_mm >= 20.0 else "near"

    return grade


TOY = System(
    name="toy",
    title="Toy grade",
    short="Toy",
    citation="nobody",
    confirmed=False,
    grades=("clear", "far", "near", "locked"),
    categories={
        "clear": Category.NONE,
        "far": Category.MILD,
        "near": Category.MODERATE,
        "locked": Category.SEVERE,
    },
    code="TOY",
    no_bone="clear",
    score_raises=False,
    refuses=lambda view: None if view.joint is not None else "No joint is seen.",
    rule=rule,
    bridged=frozenset({"locked"}),
)


@pytest.fixture
def shoulder(monkeypatch):
    """The two rows that a new joint adds."""
    plans = MappingProxyType({**table.PLANS, Region.SHOULDER: SHOULDER})
    monkeypatch.setattr(table, "PLANS", plans)
    monkeypatch.setattr(registry, "SYSTEMS", (*registry.SYSTEMS, TOY))
    return SHOULDER


def film(known, *nodules, basis=SpacingBasis.CALIBRATED, region=Region.SHOULDER):
    """A shoulder at 1 mm a pixel, as a network without errors sees it: a scapula above, a head and shaft below."""
    maps = {structure: np.zeros(SHAPE, np.float32) for structure in SHOULDER.structures}
    maps[Structure.BODY][:] = 1.0
    maps[SCAPULA][30:70, 40:200] = 1.0
    head = known.disc(SHAPE, (100, 120), 22)
    maps[HUMERAL_HEAD][head] = 1.0
    maps[HUMERUS][head] = 1.0
    maps[HUMERUS][110:220, 108:132] = 1.0
    for nodule in nodules:
        maps[Structure.HO][nodule] = 1.0
    spacing = None if basis is SpacingBasis.NONE else (1.0, 1.0)
    radiograph = known.radiograph(
        np.zeros(SHAPE), spacing_mm=spacing, basis=basis, region=region, view=View.AP, laterality=Laterality.RIGHT
    )
    grid = GridMap(SHAPE, SHAPE, 1.0, 0.0, 1.0, 0.0)
    picture = np.full(SHAPE, 0.4, np.float32)
    prepared = Prepared(radiograph, picture, np.ones(SHAPE, dtype=bool), Scale(1.0, basis), grid)
    thresholds = dict.fromkeys(maps, 0.5) | {Structure.HO: 0.5 / 0.6}
    return Prediction(prepared, maps, thresholds, ModelIdentity("fake", "0", "0" * 64), 1.0)


def reading(prediction):
    anatomy = read_anatomy(prediction)
    assert check_anatomy(prediction, anatomy, 0.5).reason is None
    nodules = find_nodules(prediction, anatomy), find_possible_nodules(prediction, anatomy)
    return FilmReading(prediction.prepared, anatomy, *nodules)


def graded(prediction):
    (side,) = grade_study([reading(prediction)]).sides
    return side


@pytest.mark.parametrize(
    ("nodules", "grade", "word", "joined"),
    [
        ((), "clear", "none", (0, 0)),
        # A spur of the scapula's edge beside the shaft, so many mm away from it.
        (((slice(65, 150), slice(40, 68)),), "far", "mild", (1, 0)),
        (((slice(65, 150), slice(40, 100)),), "near", "moderate", (1, 0)),
        (((slice(65, 200), slice(150, 160)), (slice(190, 200), slice(130, 160))), "locked", "severe", (1, 1)),
    ],
)
def test_a_joint_of_two_rows_is_graded(shoulder, known, nodules, grade, word, joined):
    check_attributes(film(known).prepared.radiograph)
    side = graded(film(known, *nodules))
    assert (side.side, side.system, side.grade) == (Side.RIGHT, "toy", grade)
    assert side.category == word
    assert [len(side.evidence.joined_to[bone]) for bone in (SCAPULA, HUMERUS)] == list(joined)
    assert [found.system for found in side.systems] == ["toy"]
    assert sum(side.probabilities.values()) == pytest.approx(1.0)


def test_the_outlines_that_are_kept_and_drawn_are_the_plans_own(shoulder, known):
    kept = bone_outlines(reading(film(known)), "0" * 64).outlines_xy_px
    assert set(kept) == {SCAPULA, HUMERUS, HUMERAL_HEAD, Structure.IMPLANT, Structure.BODY}
    (ring,) = kept[SCAPULA]
    assert [min(x for x, _ in ring), max(x for x, _ in ring)] == pytest.approx([39.5, 199.5], abs=0.6)


def test_the_gap_is_between_the_plans_own_bones(shoulder, known):
    side = graded(film(known, (slice(65, 150), slice(40, 100))))
    assert side.evidence.gap.length_mm == pytest.approx(8.0, abs=0.1)


def test_millimetres_come_from_the_plans_own_landmark(shoulder, known):
    anatomy = read_anatomy(film(known, basis=SpacingBasis.NONE))
    assert anatomy.scale.basis is SpacingBasis.ANATOMICAL
    assert anatomy.scale.measured_mm == pytest.approx(44.0 / 44.0, rel=0.03)


def test_a_film_that_shows_too_little_of_the_plans_bones_is_refused(shoulder, known):
    prediction = film(known)
    prediction.probabilities[SCAPULA][:, 45:] = 0.0
    reason = check_anatomy(prediction, read_anatomy(prediction), 0.5).reason
    assert (reason.code, reason.parameters["bone"]) == ("bone_missing", SCAPULA.value)


def test_without_its_row_the_region_is_refused_by_name(known):
    with pytest.raises(OutOfScopeError, match="shoulder"):
        check_attributes(film(known).prepared.radiograph)


def test_a_model_that_was_not_made_for_the_region_refuses_its_films(shoulder, known):
    with pytest.raises(OutOfScopeError, match="shoulder by its test; the model hip"):
        check_region(film(known).prepared.radiograph, (Region.HIP,), "hip")


def test_codes_of_bones_come_from_plans(shoulder):
    assert regions.bone_codes()[HUMERUS] == ("85050009", "Humerus")


def test_modules_of_a_plan_and_of_a_system_are_found_where_they_lie(monkeypatch, tmp_path):
    (tmp_path / "found_shoulder.py").write_text(
        "from dataclasses import replace\n"
        "from ho_imaging.regions.hip import HIP\n"
        "from ho_imaging.vocabulary import Region\n"
        "PLANS = {Region.SHOULDER: replace(HIP, name='found', leading_system='found')}\n"
    )
    (tmp_path / "found_system.py").write_text(
        "from dataclasses import replace\n"
        "from ho_imaging.severity.systems.brooker import BROOKER\n"
        "FOUND = replace(BROOKER, name='found')\n"
    )
    monkeypatch.setattr(regions, "__path__", [*regions.__path__, str(tmp_path)])
    monkeypatch.setattr(systems, "__path__", [*systems.__path__, str(tmp_path)])
    plans, found = table.find_plans(), registry.find_systems()
    assert {region: plan.name for region, plan in plans.items() if region not in table.PLANS} == {
        Region.SHOULDER: "found"
    }
    assert [system.name for system in found if system not in registry.SYSTEMS] == ["found"]
    (tmp_path / "second_hip.py").write_text("from ho_imaging.regions.hip import PLANS\n")
    with pytest.raises(LookupError, match="has a plan in second_hip"):
        table.find_plans()


def test_every_plan_names_a_system_that_is_there():
    for region in table.PLANS:
        assert leading_system(region).name == plan_of(region).leading_system


def test_a_plan_that_names_no_system_is_said(monkeypatch):
    plan = replace(SHOULDER, leading_system="nothing")
    monkeypatch.setattr(table, "PLANS", MappingProxyType({Region.SHOULDER: plan}))
    with pytest.raises(LookupError, match="shoulder names 'nothing'"):
        leading_system(Region.SHOULDER)


def test_the_viewer_and_the_report_show_the_plans_own_bones_each_in_its_style(shoulder, known):
    read = reading(film(known))
    uid = read.prepared.radiograph.sop_instance_uid
    analysis = SimpleNamespace(films={uid: SimpleNamespace(reading=read)})
    study = SimpleNamespace(result=SimpleNamespace(model=None), analysis=analysis, folder=None)
    shown = Overlays(study).anatomy(uid)
    assert list(shown) == ["scapula", "humerus", "humeral_head", "implant"]
    assert shown["scapula"][0]
    assert not shown["implant"]
    drawn = drawing._bones(bone_outlines(read, "0" * 64), lambda point: point)
    assert [(bone.name, bone.layer) for bone in drawn] == [
        ("scapula", "bone-1"),
        ("humerus", "bone-2"),
        ("humeral_head", "bone-3"),
    ]


def test_what_is_said_of_lengths_names_the_plans_own_landmark(shoulder, known):
    image = SimpleNamespace(
        measured_spacing_mm=(1.0, 1.0), measured_basis="anatomical", region="shoulder", magnification=None
    )
    assert length(image, [0, 0], [1, 0])["basis"] == "scaled from the humeral heads, ± 10 %"
    assert "44 mm" in str(shoulder.landmark.scale_message())


def test_a_refusal_names_the_regions_that_can_be_stated(shoulder, known):
    with pytest.raises(OutOfScopeError) as caught:
        check_attributes(film(known, region=Region.ELBOW).prepared.radiograph)
    assert Region.SHOULDER in caught.value.message.parameters["regions"]
    assert "or shoulder are read" in str(caught.value)

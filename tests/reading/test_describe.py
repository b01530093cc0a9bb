"""Region, view and side from codes, CS values and free text."""

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.sr.codedict import codes

from ho_imaging.reading.describe import describe


def header(**attributes):
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def coded(code, **inside):
    item = header(CodeValue=code.value, CodingSchemeDesignator="SCT", CodeMeaning="")
    for keyword, value in inside.items():
        setattr(item, keyword, value)
    return Sequence([item])


def words(dataset):
    found = describe(dataset)
    return found.region.value.value, found.view.value.value, found.laterality.value.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hip AP right", ("hip", "ap", "right")),
        ("FEMUR_L_AP", ("thigh", "ap", "left")),
        ("Pelvis AP both hips", ("pelvis", "ap", "bilateral")),
        ("HIP L + R", ("hip", "unknown", "bilateral")),
        ("HIP R/L", ("hip", "unknown", "bilateral")),
        # Letters of other abbreviations: rule out, radiograph, from side to side, computed radiography.
        ("HIP R/O FRACTURE", ("hip", "unknown", "unknown")),
        ("Hip r/o fx, R/o loosening", ("hip", "unknown", "unknown")),
        ("HIP LT R/O FRACTURE", ("hip", "unknown", "left")),
        ("R.X. anca", ("hip", "unknown", "unknown")),
        ("Anca L.L.", ("hip", "unknown", "unknown")),
        ("C.R. HIP", ("hip", "unknown", "unknown")),
        ("HIP, L/S SPINE", ("hip", "unknown", "unknown")),
        ("HIP R. AP", ("hip", "ap", "right")),
        # Surgery, both views, and a name.
        ("XR HIP POST SX", ("hip", "unknown", "unknown")),
        ("RX ANCA_SX assiale", ("hip", "axial", "left")),
        ("Hip LT, both views", ("hip", "unknown", "left")),
        ("Hüfte rechts, beide Ebenen", ("hip", "unknown", "right")),
        ("beide Hüften", ("hip", "unknown", "bilateral")),
        ("Lewinnek zone, hip AP", ("hip", "ap", "unknown")),
        ("biodro lewe", ("hip", "unknown", "left")),
        ("HIP-R", ("hip", "unknown", "right")),
        ("XR HIP R 2 VIEWS", ("hip", "unknown", "right")),
        ("XR HIP L 2-3 VIEWS", ("hip", "unknown", "left")),
        ("Hip, pain at L 5", ("hip", "unknown", "unknown")),
        ("hip frog-leg lateral lt", ("hip", "frog_leg", "left")),
        ("Hip cross table lateral", ("hip", "cross_table_lateral", "unknown")),
        ("Beckenübersichtsaufnahme", ("pelvis", "unknown", "bilateral")),
        ("Hüfte re ap", ("hip", "ap", "right")),
        ("Hu\u0308fte li.", ("hip", "unknown", "left")),  # the umlaut as two characters
        ("Lauenstein rechts", ("unknown", "frog_leg", "right")),
        ("Kniegelenk li. seitlich", ("knee", "lateral", "left")),
        ("bassin de face", ("pelvis", "ap", "bilateral")),
        ("hanche gauche profil", ("hip", "lateral", "left")),
        ("cadera derecha", ("hip", "unknown", "right")),
        ("Anca sx", ("hip", "unknown", "left")),
        ("Quadril direito", ("hip", "unknown", "right")),
        ("Heup links", ("hip", "unknown", "left")),
        ("Miednica AP", ("pelvis", "ap", "bilateral")),
        ("Kalça sağ", ("hip", "unknown", "right")),
        ("Тазобедренный сустав правый", ("hip", "unknown", "right")),
        ("股関節 正面", ("hip", "ap", "unknown")),
        ("左膝 側面", ("knee", "lateral", "left")),
        # Words that only look like one: parts of words, other languages' prepositions.
        ("cadera sin contraste", ("hip", "unknown", "unknown")),
        ("Becken re-exam", ("pelvis", "unknown", "bilateral")),
        ("X-ray MAIN campus", ("unknown", "unknown", "unknown")),
        ("relationship", ("unknown", "unknown", "unknown")),
        ("Schmerz seit 3 Wochen, Hüftgelenk", ("hip", "unknown", "unknown")),
    ],
)
def test_free_text_in_many_languages(text, expected):
    assert words(header(SeriesDescription=text)) == expected


def test_codes_come_before_words_and_say_their_source():
    dataset = header(
        AnatomicRegionSequence=coded(codes.cid4.HipJoint), BodyPartExamined="CHEST", ViewPosition="PA",
        ViewCodeSequence=Sequence([header(CodeValue="399348003", CodingSchemeDesignator="SCT", CodeMeaning="")]),
    )  # fmt: skip
    found = describe(dataset)
    assert (found.region.value, found.region.source) == ("hip", "AnatomicRegionSequence")
    assert (found.view.value, found.view.source) == ("ap", "ViewCodeSequence")


@pytest.mark.parametrize(
    ("name", "region"),
    [
        ("Hip", "hip"),
        ("Pelvis", "pelvis"),
        ("Thigh", "thigh"),
        ("Knee", "knee"),
        ("ElbowJoint", "elbow"),
        ("Breast", "breast"),
    ],
)
def test_regions_of_the_standards_context_group(name, region):
    code = getattr(codes.cid4, name)
    assert describe(header(AnatomicRegionSequence=coded(code))).region.value == region


@pytest.mark.parametrize(
    ("part", "region"),
    [
        ("HIP", "hip"),
        ("PELVIS", "pelvis"),
        ("UPPER LEG", "thigh"),
        ("CSPINE", "spine"),
        ("LEG", "lower_leg"),
        ("UVULA", "other"),
    ],
)
def test_body_part_examined(part, region):
    found = describe(header(BodyPartExamined=part)).region
    assert (found.value, found.source) == (region, "BodyPartExamined")


def test_sides_that_disagree_are_flagged_and_the_attribute_counts():
    found = describe(header(ImageLaterality="L", SeriesDescription="Hip right"))
    assert found.laterality.value == "left"
    assert {flag.code for flag in found.flags} == {"laterality_conflict"}
    assert not describe(header(ImageLaterality="L", SeriesDescription="Hip left")).flags


@pytest.mark.parametrize(
    ("orientation", "view", "flagged", "runs_to"),
    [
        (["L", "F"], "AP", False, "left"),
        (["L", "F"], "PA", False, "left"),
        (["R", "F"], "AP", True, "right"),
        (["R", "F"], None, True, "right"),
        (["L", "H"], "PA", True, "left"),
        (["F", "R"], "AP", True, None),
        (["A", "F"], "LL", False, None),
        (["A", "F"], None, False, None),
        (["L"], "AP", False, None),
    ],
)
def test_patient_orientation_says_where_the_sides_are(orientation, view, flagged, runs_to):
    found = describe(header(PatientOrientation=orientation, ViewPosition=view))
    assert ("orientation_unusual" in {flag.code for flag in found.flags}) == flagged
    assert found.columns_run_to == runs_to


@pytest.mark.parametrize(
    ("attributes", "view"),
    [
        ({"StudyDescription": "XR PELVIS AP AND HIP CROSS-TABLE LATERAL", "ViewPosition": "AP"}, "ap"),
        ({"StudyDescription": "XR HIP AP AND FROG LEG", "ViewPosition": "AP"}, "ap"),
        ({"StudyDescription": "XR HIP AP AND FROG LEG"}, "unknown"),
        ({"StudyDescription": "XR HIP CROSS-TABLE LATERAL"}, "cross_table_lateral"),
        ({"StudyDescription": "XR HIP FROG LEG LATERAL"}, "frog_leg"),
        ({"SeriesDescription": "Hip frog leg", "ViewPosition": "AP"}, "frog_leg"),
        ({"RequestedProcedureDescription": "PELVIS AP"}, "ap"),
    ],
)
def test_views_of_the_examination_are_not_those_of_the_film(attributes, view):
    assert describe(header(**attributes)).view.value == view


@pytest.mark.parametrize(
    ("attributes", "side"),
    [
        ({"BodyPartExamined": "PELVIS", "StudyDescription": "XR HIP RIGHT 2-3 VIEWS"}, "bilateral"),
        ({"SeriesDescription": "Beckenübersicht a.p.", "StudyDescription": "Hüfte rechts 2 Ebenen"}, "bilateral"),
        ({"BodyPartExamined": "PELVIS", "SeriesDescription": "right"}, "right"),
        ({"BodyPartExamined": "HIP", "StudyDescription": "XR HIP RIGHT 2-3 VIEWS"}, "right"),
        ({"StudyDescription": "XR HIP UNILATERAL 2-3 VIEWS W/ PELVIS"}, "unknown"),
        ({"StudyDescription": "XR HIP UNILATERAL LEFT W/ PELVIS"}, "left"),
        ({"BodyPartExamined": "HIP", "StudyDescription": "HIP AND L SPINE"}, "unknown"),
        ({"BodyPartExamined": "HIP", "SeriesDescription": "HIP L"}, "left"),
    ],
)
def test_the_side_of_the_examination_is_not_that_of_a_film_of_the_pelvis(attributes, side):
    assert describe(header(**attributes)).laterality.value == side


def test_names_in_other_character_sets(make_film, as_bytes):
    from ho_imaging.reading import read_radiograph  # noqa: PLC0415

    film = make_film(SpecificCharacterSet="ISO_IR 144", SeriesDescription="Тазобедренный сустав правый")
    radiograph = read_radiograph(as_bytes(film))
    assert (radiograph.region.value, radiograph.laterality.value) == ("hip", "right")


def test_dx_is_a_side_beside_an_italian_word_and_else_a_modality():
    def side(text: str) -> str:
        dataset = Dataset()
        dataset.SeriesDescription = text
        return describe(dataset).laterality.value.value

    assert side("DX Hip") == side("hip AP DX") == side("genou deux incidences") == "unknown"
    assert side("DX HIP LEFT") == "left"
    assert side("RX anca dx") == "right"


@pytest.mark.parametrize(
    ("attributes", "view", "others"),
    [
        ({"ViewPosition": "AP"}, "ap", ()),
        ({"ViewPosition": "AP", "ViewCodeSequence": "399348003"}, "ap", ()),
        ({"ViewPosition": "LL", "ViewCodeSequence": "399348003"}, "ap", ("ViewPosition",)),
        ({"ViewPosition": "PA", "ViewCodeSequence": "399348003"}, "ap", ("ViewPosition",)),
        ({"ViewPosition": "AP", "SeriesDescription": "Hip lateral"}, "ap", ("SeriesDescription",)),
        ({"ViewPosition": "AP", "SeriesDescription": "Hip AP / lateral"}, "ap", ()),  # several: of none in particular
        ({"ViewPosition": "AP", "StudyDescription": "Hip lateral"}, "ap", ()),  # of the examination
        ({"ViewPosition": "AP", "SeriesDescription": "frog leg lateral"}, "frog_leg", ()),
        ({"ViewPosition": "??", "SeriesDescription": "Hip lateral"}, "other", ()),
    ],
)
def test_projections_that_disagree_are_flagged(attributes, view, others):
    code = attributes.get("ViewCodeSequence")
    dataset = header(**{name: value for name, value in attributes.items() if name != "ViewCodeSequence"})
    if code is not None:
        item = header(CodeValue=code, CodingSchemeDesignator="SCT", CodeMeaning="")
        dataset.ViewCodeSequence = Sequence([item])
    found = describe(dataset)
    assert found.view.value == view
    said = [flag.message.parameters["others"] for flag in found.flags if flag.code == "view_conflict"]
    assert [tuple(names) for names in said] == ([others] if others else [])


@pytest.mark.parametrize(
    ("attributes", "conflict"),
    [
        ({"BodyPartExamined": "PELVIS", "SeriesDescription": "Hip AP"}, False),
        ({"BodyPartExamined": "HIP", "ProtocolName": "Femur"}, False),
        ({"BodyPartExamined": "KNEE", "SeriesDescription": "Pelvis AP"}, True),
        ({"BodyPartExamined": "HIP", "ProtocolName": "CHEST PA"}, True),
        ({"BodyPartExamined": "EXTREMITY", "ProtocolName": "Hand"}, False),
        ({"BodyPartExamined": "HIP", "SeriesDescription": "Hip and knee"}, False),
        ({"BodyPartExamined": "HIP", "StudyDescription": "Chest, hip"}, False),  # of the examination
    ],
)
def test_regions_that_no_film_shows_together_are_flagged(attributes, conflict):
    assert ("region_conflict" in {flag.code for flag in describe(header(**attributes)).flags}) is conflict

"""Images are graded together only as one study of one patient, each once, however they come."""

import copy

import pytest
from PIL import Image
from pydicom.dataset import Dataset

from ho_imaging import Analyzer, UsageError
from ho_imaging.errors import RefusedError
from ho_imaging.messages import Message
from ho_imaging.outputs import to_dicom
from ho_imaging.reading import discover
from ho_imaging.reading.completeness import Completeness, StudyFilms
from ho_imaging.reading.one_study import by_study, film_headers, left_out, one_patient, why_not_one
from ho_imaging.results.messages import message_result

OTHERS = {
    "ID": {"PatientID": "B"},
    "issuer": {"IssuerOfPatientID": "Y"},
    "birth date": {"PatientBirthDate": "19900101"},
    "study": {"StudyInstanceUID": "1.2.4"},
}


@pytest.fixture
def film(make_film):
    """A film of patient A; keywords change it."""

    def make(sop="1.2.3.4.5", **changes):
        empty = dict.fromkeys(("PatientSex", "StudyID", "AccessionNumber", "ReferringPhysicianName"), "")
        empty |= {"StudyDate": "", "StudyTime": "", "InstanceNumber": 1, "SeriesNumber": 1, "PatientName": "Doe^John"}
        values = empty | {
            "PatientID": "A",
            "IssuerOfPatientID": "X",
            "PatientBirthDate": "19500101",
            "BodyPartExamined": "HIP",
        }
        return make_film(SOPInstanceUID=sop, **(values | changes))

    return make


@pytest.fixture(params=["data sets", "bytes", "paths", "found"])
def given_as(request, as_bytes, tmp_path):
    """Hand films over in each of the ways in."""

    def give(films):
        if request.param == "data sets":
            return films
        if request.param == "bytes":
            return [as_bytes(film) for film in films]
        paths = []
        for number, film in enumerate(films):
            paths.append(tmp_path / f"{number}.dcm")
            paths[-1].write_bytes(as_bytes(film))
        if request.param == "paths":
            return paths
        return [image for study in discover([tmp_path]).studies for image in study.images]

    return give


@pytest.mark.parametrize("what", OTHERS)
def test_images_of_two_patients_or_studies_are_refused_and_both_are_named(film, given_as, what):
    sources = given_as([film(), film("1.2.3.4.6", **OTHERS[what])])
    error = why_not_one(film_headers(sources))
    assert isinstance(error, RefusedError)
    assert ("0.dcm" in error.problem and "1.dcm" in error.problem) or (
        "image 1" in error.problem and "image 2" in error.problem
    )
    assert "19900101" not in error.problem


def test_one_patient_is_one_study_and_another_study_than_asked_is_refused(film, given_as):
    headers = film_headers(given_as([film(), film("1.2.3.4.6", PatientBirthDate="")]))
    assert why_not_one(headers, "1.2.3") is None
    assert "states study 1.2.3, not 1.2.9" in why_not_one(headers, "1.2.9").problem


def test_what_is_no_radiograph_or_cannot_be_read_speaks_for_no_patient(film, as_bytes, tmp_path):
    scan = film("1.2.3.4.6", PatientID="B", Modality="CT")
    (tmp_path / "text").write_text("of another person")
    assert why_not_one(film_headers([film(), scan, b"", tmp_path / "text", tmp_path / "nosuch"])) is None


def test_copies_are_used_once_and_the_whole_one_before_one_cut_off(film, as_bytes):
    whole = as_bytes(film())
    assert list(left_out(film_headers([whole, whole, as_bytes(film("1.2.3.4.6"))]))) == [1]
    assert list(left_out(film_headers([whole[:-9000], whole]))) == [0]
    nameless = film(None)
    other = film(None)
    other.PixelData = bytes(len(other.PixelData))
    assert list(left_out(film_headers([nameless, copy.deepcopy(nameless), other]))) == [1]


@pytest.mark.parametrize("tells", ["event", "source", "numbers"])
def test_a_raw_image_is_left_out_where_its_processed_film_is_there_however_it_comes(film, given_as, tells):
    stated = {"event": {"IrradiationEventUID": "7.1"}}.get(tells, {})
    raw = film("1.1", PresentationIntentType="FOR PROCESSING", **stated)
    shown = film("1.2", PresentationIntentType="FOR PRESENTATION", **stated)
    if tells == "source":
        shown.SourceImageSequence = [Dataset()]
        shown.SourceImageSequence[0].ReferencedSOPInstanceUID = "1.1"
    sources = given_as([raw, shown])
    unused = left_out(film_headers(sources))
    assert [header.sop_uid for place, header in enumerate(film_headers(sources)) if place not in unused] == ["1.2"]
    assert {message.code for message in unused.values()} <= {"raw_twin"}
    assert not left_out(film_headers(given_as([raw])))


def test_by_study_keeps_the_order_and_parts_what_states_none(film):
    films = [film(), film(StudyInstanceUID="1.2.4"), film(), film(StudyInstanceUID=None), film(StudyInstanceUID=None)]
    assert by_study(film_headers(films)) == [[0, 2], [1], [3], [4]]


def test_several_studies_of_another_patient_are_taken_only_as_asked(film):
    first, second = film_headers([film(), film("1.2.3.4.6", PatientID="B")])
    pair = [("one", first.patient), ("two", second.patient)]
    with pytest.raises(UsageError, match=r"Patient ID differs between one and two.*--allow-other-patient"):
        one_patient(pair, allow_other=False)
    (warning,) = one_patient(pair, allow_other=True)
    assert warning.code == "one_patient_as_asked"
    assert one_patient(pair[:1], allow_other=False) == []


def test_a_folder_leaves_copies_out_but_not_one_of_another_patient(film, as_bytes, tmp_path):
    for name, changes in {"a": {}, "b": {}, "c": {"PatientID": "B"}}.items():
        (tmp_path / name).write_bytes(as_bytes(film(**changes)))
    found = discover([tmp_path])
    (study,) = found.studies
    assert [image.path.name for image in study.images] == ["a", "c"]
    assert [item.path.name for item in found.rejected] == ["b"]
    assert why_not_one(film_headers(study.images)) is not None


def test_the_analysis_ends_a_study_of_two_patients_without_a_look(film, fake_network):
    analysis = Analyzer().analyze_films([film(), film("1.2.3.4.6", PatientID="B")])
    assert (analysis.result.status, analysis.result.severity, fake_network.loads) == ("refused", None, 0)
    assert {image.status for image in analysis.result.images} == {"refused"}
    assert "Patient ID differs" in str(analysis.result.reason)
    assert to_dicom(analysis) == []


@pytest.mark.parametrize("corrected", [{}, {"PatientName": "DOE^JOHN^^^", "StudyDescription": "hip"}])
def test_a_film_that_comes_twice_counts_once(film, fake_network, corrected):
    result = Analyzer().analyze_films([film(), film(**corrected)]).result
    assert [image.status for image in result.images] == ["done", "refused"]
    assert "same SOP Instance UID as image 1" in str(result.images[1].reason)
    assert len(result.findings) == len(Analyzer().analyze(film()).findings)


def test_a_raw_image_beside_its_processed_film_is_not_graded_as_a_view_of_its_own(film, fake_network):
    raw = film("1.1", PresentationIntentType="FOR PROCESSING")
    result = Analyzer().analyze_films([raw, film("1.2", PresentationIntentType="FOR PRESENTATION")]).result
    ended = {image.sop_instance_uid: image for image in result.images}
    assert (ended["1.1"].status, ended["1.1"].reason.code) == ("refused", "raw_twin")
    assert ended["1.2"].reason is None or ended["1.2"].reason.code != "raw_twin"


def test_a_picture_file_that_comes_twice_is_said_without_a_uid(tmp_path):
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    for file in files:
        Image.new("L", (80, 80)).save(file)
    for sources in (files, [discover([file]).studies[0].images[0] for file in files]):
        (reason,) = left_out(film_headers(sources)).values()
        assert str(reason) == f"holds the same picture as {files[0]}: that one is used"


def test_several_sources_give_a_result_a_study(film, fake_network, as_bytes, tmp_path):
    on_disk, broken = tmp_path / "a.dcm", tmp_path / "b.dcm"
    on_disk.write_bytes(as_bytes(film()))
    broken.write_bytes(b"")
    sources = [on_disk, broken, film("1.2.3.4.6"), as_bytes(film("1.2.4.4.5", StudyInstanceUID="1.2.4", PatientID="B"))]
    results = Analyzer().analyze_all(sources)
    assert [(r.study_uid, r.status, len(r.images)) for r in results[:2]] == [("1.2.3", "done", 2), ("1.2.4", "done", 1)]
    assert [r.status for r in results[2:]] == ["failed"]
    assert Analyzer().analyze_all([]) == []


@pytest.mark.parametrize("as_files", [False, True])
def test_a_film_filed_in_two_studies_counts_once_however_it_comes(film, fake_network, as_bytes, tmp_path, as_files):
    sources = [film(), film(StudyInstanceUID="1.2.4"), film("1.2.4.4.5", StudyInstanceUID="1.2.4")]
    if as_files:
        for number, one in enumerate(sources):
            (tmp_path / f"{number}.dcm").write_bytes(as_bytes(one))
        sources = sorted(tmp_path.iterdir())
    results = Analyzer().analyze_all(sources)
    assert [(r.study_uid, r.status, len(r.images)) for r in results[:2]] == [("1.2.3", "done", 1), ("1.2.4", "done", 1)]
    (left_out,) = results[2:]
    assert left_out.status == "refused"
    assert "same SOP Instance UID" in str(left_out.reason)
    assert left_out.study_uid not in {"1.2.3", "1.2.4"}


def test_a_study_known_to_be_incomplete_is_graded_only_as_asked(film, fake_network):
    films = StudyFilms(
        [film()], Completeness(1, 2, (Message("images_missing", missing=1, expected=2, series="1.2.3.4"),))
    )
    (withheld,) = Analyzer().analyze_all(films)
    assert (withheld.status, withheld.severity, withheld.findings) == ("failed", None, ())
    assert "1 of 2 images" in str(withheld.reason)
    assert "--accept-incomplete" in str(withheld.reason)
    assert withheld.completeness.model_dump() == {
        "complete": False, "received": 1, "expected": 2,
        "reasons": tuple(message_result(reason).model_dump() for reason in films.completeness.reasons),
    }  # fmt: skip
    graded = Analyzer().analyze_films(films, accept_incomplete=True)
    assert graded.result.status == "done"
    assert graded.result.severity is not None
    assert "1 of 2 images" in str(graded.result.warnings[0])
    report = next(item for item in to_dicom(graded) if item.Modality == "SR")
    assert (report.CompletionFlag, report.CompletionFlagDescription[:16]) == ("PARTIAL", "Incomplete study")
    whole = Analyzer().analyze_films(StudyFilms([film()], Completeness(1, 1))).result
    assert whole.completeness.complete
    assert whole.status == "done"


def test_objects_are_made_of_one_patients_images_alone(film, fake_network):
    films = [film(), film("1.2.3.4.6")]
    result = Analyzer().analyze_films(films).result
    assert result.status == "done"
    with pytest.raises(UsageError, match="Patient ID differs"):
        to_dicom(result, [films[0], film("1.2.3.4.6", PatientID="B")])

"""Folders become studies, and nothing vanishes."""

import gzip
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import ComputedRadiographyImageStorage, GrayscaleSoftcopyPresentationStateStorage

from ho_imaging.errors import ReadError
from ho_imaging.reading import discover, read_radiograph
from ho_imaging.reading.discover import _Candidate, _without_raw_twins
from ho_imaging.reading.files import FileKind
from ho_imaging.reading.raw_twins import Exposure
from ho_imaging.reading.read import ImageRef


@pytest.fixture
def put(make_film, as_bytes, tmp_path):
    def put(name, **attributes):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_bytes(make_film(**attributes)))
        return path

    return put


def reasons(discovery):
    return {item.path.name: (item.status.value, str(item.reason)) for item in discovery.rejected}


def test_a_whole_copy_counts_before_one_that_was_cut_off(make_film, as_bytes, tmp_path):
    whole = as_bytes(make_film())
    cut, film = tmp_path / "a (copy interrupted).dcm", tmp_path / "b.dcm"
    cut.write_bytes(whole[: len(whole) * 3 // 4])
    film.write_bytes(whole)
    discovery = discover([tmp_path])
    assert [image.path for study in discovery.studies for image in study.images] == [film]
    assert reasons(discovery)[cut.name] == ("refused", f"same SOP Instance UID as {film}: the larger one is used")


def test_every_file_ends_in_a_study_or_among_the_rejected(put, make_film, as_bytes, tmp_path):
    put("b/two.txt", SOPInstanceUID="1.2.2", InstanceNumber=2)  # suffixes say nothing
    put("a/one", SOPInstanceUID="1.2.1", InstanceNumber=1)
    put("a/copy.dcm", SOPInstanceUID="1.2.2")
    put("other.dcm", StudyInstanceUID="9.9", SOPInstanceUID="1.2.3")
    put("ct.dcm", SOPInstanceUID="1.2.4", Modality="CT")
    (tmp_path / "README.txt").write_text("words")
    with zipfile.ZipFile(tmp_path / "films.zip", "w") as packed:
        packed.write(tmp_path / "ct.dcm", "ct.dcm")
    (tmp_path / "labels.csv.gz").write_bytes(gzip.compress(b"film,ho,side and a longer row of it"))
    (tmp_path / "film.dcm.gz").write_bytes(gzip.compress(as_bytes(make_film())))
    (tmp_path / "empty.dcm").write_bytes(b"")
    (tmp_path / "broken.dcm").write_bytes(as_bytes(make_film())[:200])
    Image.new("L", (80, 80)).save(tmp_path / "film.png")
    Image.new("L", (80, 80)).save(tmp_path / "film_copy.png")
    state = Dataset()
    state.file_meta = make_film().file_meta
    state.SOPClassUID, state.SOPInstanceUID, state.Modality = GrayscaleSoftcopyPresentationStateStorage, "1.2.5", "PR"
    (tmp_path / "state.dcm").write_bytes(as_bytes(state))

    discovery = discover([tmp_path])
    films = {image.path.name for study in discovery.studies for image in study.images}
    said = reasons(discovery)
    files = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert films | said.keys() == files
    assert not films & said.keys()
    assert films == {"one", "copy.dcm", "other.dcm", "film.png"}
    assert said["two.txt"] == ("refused", f"same SOP Instance UID as {tmp_path / 'a/copy.dcm'}: the first one is used")
    assert said["film_copy.png"][1] == f"holds the same picture as {tmp_path / 'film.png'}: that one is used"
    assert said["README.txt"] == ("refused", "is not an image file (give DICOM, PNG, JPEG or TIFF)")
    assert said["films.zip"][1].startswith("is a zip archive in a folder, which is not looked into (give the archive")
    assert said["film.dcm.gz"] == ("refused", "is packed (unpack it)")
    strays = {item.path.name for item in discovery.rejected if item.stray}
    assert strays == {"README.txt", "labels.csv.gz"}
    assert said["ct.dcm"][0] == said["state.dcm"][0] == "refused"
    assert "Grayscale Softcopy Presentation State" in said["state.dcm"][1]
    assert said["empty.dcm"][0] == said["broken.dcm"][0] == "failed"
    by_uid = {study.study_uid: [image.sop_instance_uid for image in study.images] for study in discovery.studies}
    assert by_uid["1.2.3"] == ["1.2.2", "1.2.1"] or by_uid["1.2.3"] == ["1.2.1", "1.2.2"]
    assert discover([tmp_path]) == discovery


def test_links_lead_nowhere_twice(put, tmp_path):
    film = put("films/one.dcm")
    (tmp_path / "films" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "films" / "zz_link.dcm").symlink_to(film)
    (tmp_path / "films" / "gone.dcm").symlink_to(tmp_path / "nowhere")
    discovery = discover([tmp_path])
    assert [image.path for study in discovery.studies for image in study.images] == [film]
    said = reasons(discovery)
    assert said["gone.dcm"][0] == "failed"
    assert "the same file as" in said["zz_link.dcm"][1]
    again = discover([tmp_path, film])
    assert len(again.studies) == 1
    assert film not in {item.path for item in again.rejected}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_pipes_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert reasons(discover([tmp_path])) == {"pipe": ("refused", "is not a regular file")}


def test_processed_films_are_preferred_to_their_raw_twins(put, tmp_path):
    put("raw.dcm", SOPInstanceUID="1.1", PresentationIntentType="FOR PROCESSING")
    put("shown.dcm", SOPInstanceUID="1.2", PresentationIntentType="FOR PRESENTATION")
    put("only_raw.dcm", SOPInstanceUID="1.3", StudyInstanceUID="5.5", PresentationIntentType="FOR PROCESSING")
    discovery = discover([tmp_path])
    assert {image.path.name for study in discovery.studies for image in study.images} == {"shown.dcm", "only_raw.dcm"}
    assert "FOR PROCESSING" in reasons(discovery)["raw.dcm"][1]


def test_raw_images_are_paired_with_the_processed_film_of_their_exposure(put, tmp_path):
    raw, shown = {"PresentationIntentType": "FOR PROCESSING"}, {"PresentationIntentType": "FOR PRESENTATION"}
    put("raw_a.dcm", SOPInstanceUID="1.1", IrradiationEventUID="7.1", **raw)
    put("shown_a.dcm", SOPInstanceUID="1.2", IrradiationEventUID="7.1", **shown)
    put("raw_b.dcm", SOPInstanceUID="1.3", IrradiationEventUID="7.2", **raw)  # its processed film was not sent
    put("shown_c.dcm", SOPInstanceUID="1.4", IrradiationEventUID="7.3", **shown)
    source = Dataset()
    source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = ComputedRadiographyImageStorage, "1.5"
    put("raw_d.dcm", SOPInstanceUID="1.5", AcquisitionTime="101010", StudyInstanceUID="5", **raw)
    put("shown_d.dcm", SOPInstanceUID="1.6", StudyInstanceUID="5", SourceImageSequence=[source], **shown)
    put("raw_e.dcm", SOPInstanceUID="1.7", AcquisitionTime="101011", StudyInstanceUID="5", **raw)
    discovery = discover([tmp_path])
    films = {image.path.name for study in discovery.studies for image in study.images}
    assert films == {"shown_a.dcm", "raw_b.dcm", "shown_c.dcm", "shown_d.dcm", "raw_e.dcm"}


def test_raw_images_of_the_same_projection_are_not_taken_for_one_exposure(put, tmp_path):
    same = {"BodyPartExamined": "PELVIS", "ViewPosition": "AP"}
    for number in (1, 2):
        put(f"raw_{number}.dcm", SOPInstanceUID=f"1.{number}", PresentationIntentType="FOR PROCESSING", **same)
    put("shown.dcm", SOPInstanceUID="1.3", PresentationIntentType="FOR PRESENTATION", **same)
    (study,) = discover([tmp_path]).studies
    assert len(study.images) == 3  # one of them may be a film that was sent raw alone


def test_raw_images_of_another_side_or_view_than_the_processed_film_are_kept(put, tmp_path):
    raw, shown = {"PresentationIntentType": "FOR PROCESSING"}, {"PresentationIntentType": "FOR PRESENTATION"}
    hip = {"BodyPartExamined": "HIP", "ViewPosition": "AP"}
    put("raw_right.dcm", SOPInstanceUID="1.1", ImageLaterality="R", AcquisitionTime="120000", **hip, **raw)
    put("shown_left.dcm", SOPInstanceUID="1.2", ImageLaterality="L", AcquisitionTime="120500", **hip, **shown)
    put(
        "raw_left.dcm", SOPInstanceUID="1.3", **hip, **raw
    )  # whose side nobody stated, but whose film may be the left one
    (study,) = discover([tmp_path]).studies
    assert {image.path.name for image in study.images} == {"raw_right.dcm", "shown_left.dcm"}


def test_a_study_of_thousands_of_films_is_sorted_in_no_time():
    """The number of comparisons may grow with the films, not with their square."""
    looked_at = 0

    class Counted(str):
        def __eq__(self, other):
            nonlocal looked_at
            looked_at += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    def candidate(number):
        image = ImageRef(Path(str(number)), FileKind.DICOM, Counted("1.2"), "1.3", f"1.4.{number}", "DX")
        return _Candidate(image, ("", number, ""), Exposure(image.sop_instance_uid, raw=number % 2 == 0))

    rejected = []
    assert len(_without_raw_twins([candidate(number) for number in range(4000)], rejected)) == 2000
    assert len(rejected) == 2000
    assert looked_at < 20_000


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's own, for making such a film
def test_films_of_a_study_whose_uid_is_none_stay_together(put, tmp_path):
    put("one.dcm", StudyInstanceUID="no uid at all", SOPInstanceUID="1.1")
    put("two.dcm", StudyInstanceUID="no uid at all", SOPInstanceUID="1.2")
    (study,) = discover([tmp_path]).studies
    assert len(study.images) == 2
    assert study.study_uid == read_radiograph(study.images[0]).study_uid


def test_a_found_film_and_the_film_that_is_read_have_the_same_uids(put, tmp_path):
    put("anonymous.dcm", StudyInstanceUID=None, SeriesInstanceUID=None)
    Image.new("L", (80, 80)).save(tmp_path / "film.png")
    discovery = discover([tmp_path])
    refs = [image for study in discovery.studies for image in study.images]
    assert len(refs) == 2
    for ref in refs:
        radiograph = read_radiograph(ref)
        assert (radiograph.study_uid, radiograph.series_uid) == (ref.study_uid, ref.series_uid)
        assert radiograph.sop_instance_uid == ref.sop_instance_uid


def test_what_was_named_must_exist_and_an_empty_folder_is_said(tmp_path):
    with pytest.raises(ReadError, match="does not exist"):
        discover([tmp_path / "nowhere"])
    assert reasons(discover([tmp_path])) == {tmp_path.name: ("refused", "holds no files")}


def test_importing_reading_loads_no_heavy_library():
    heavy = "print([m for m in ('cv2', 'torch', 'tifffile') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, ho_imaging.reading; {heavy}"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"

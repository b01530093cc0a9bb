"""What leaves a site names nobody, and films of one patient and study stay together."""

import json

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from ho_imaging.cli import main
from ho_imaging.errors import UsageError
from ho_imaging.reading.deidentify import burned_in_warning, deidentify, site_key
from ho_imaging.reading.own import MANUFACTURER, MODEL_NAME

pytest.importorskip("dicomanonymizer")

SECRETS = {
    "PatientName": "Secret^Person", "PatientID": "SECRET-1", "PatientBirthDate": "19500102", "StudyDate": "20240203",
    "AcquisitionDate": "20240203", "AcquisitionDateTime": "20240203101112", "AccessionNumber": "SECRET-2",
    "ReferringPhysicianName": "Secret^Doctor", "InstitutionName": "Secret Hospital", "StudyDescription": "Secret hip",
    "OtherPatientIDs": "SECRET-3", "PatientComments": "Secret", "StationName": "SECRET-4", "StudyID": "SECRET-5",
}  # fmt: skip
KEY = bytes(range(32))


def film(**changes):
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = DigitalXRayImageStorageForPresentation
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = "1.2.840.99.1"
    made.StudyInstanceUID, made.SeriesInstanceUID = "1.2.840.99.2", "1.2.840.99.3"
    made.Modality, made.ViewPosition, made.ImageLaterality = "DX", "AP", "R"
    made.Rows = made.Columns = 4
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.ImagerPixelSpacing = [0.2, 0.2]
    made.PixelData = np.arange(16, dtype="<u2").tobytes()
    for keyword, value in (SECRETS | changes).items():
        setattr(made, keyword, value)
    made.private_block(0x0011, "SECRET MAKER", create=True).add_new(1, "LO", "SECRET-6")
    request = Dataset()
    request.AccessionNumber, request.StudyInstanceUID = "SECRET-7", made.StudyInstanceUID
    request.RequestingPhysician = "Secret^Other"
    made.RequestAttributesSequence = [request]
    source = Dataset()
    source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = made.SOPClassUID, made.SOPInstanceUID
    made.SourceImageSequence = [source]
    return made


def written(dataset, path):
    dataset.save_as(path, enforce_file_format=True)
    return path.read_bytes()


def test_nothing_of_the_patient_is_left_anywhere_in_the_file(tmp_path):
    data = written(deidentify(film(), KEY), tmp_path / "film.dcm")
    for secret in ("ecret", "SECRET", "1950", "2024", "1.2.840.99"):
        assert secret.encode() not in data, secret
    made = pydicom.dcmread(tmp_path / "film.dcm")
    assert (made.PatientIdentityRemoved, made.DeidentificationMethodCodeSequence[0].CodeValue) == ("YES", "113100")
    assert made.StudyDate == ""
    assert (made.ViewPosition, list(made.ImagerPixelSpacing)) == ("AP", [0.2, 0.2])
    assert made.PixelData == film().PixelData


def test_references_follow_and_one_key_gives_one_pseudonym():
    one, again, other = deidentify(film(), KEY), deidentify(film(), KEY), deidentify(film(), KEY[::-1])
    assert one.SourceImageSequence[0].ReferencedSOPInstanceUID == one.SOPInstanceUID
    assert one.file_meta.MediaStorageSOPInstanceUID == one.SOPInstanceUID
    assert (one.StudyInstanceUID, one.PatientID) == (again.StudyInstanceUID, again.PatientID)
    assert one.StudyInstanceUID != other.StudyInstanceUID
    assert one.PatientID != other.PatientID
    assert one.PatientID != deidentify(film(PatientID="SECRET-9"), KEY).PatientID


def test_what_our_own_report_says_stays_and_its_references_follow():
    report = film(Manufacturer=MANUFACTURER, ManufacturerModelName=MODEL_NAME)
    text, image = Dataset(), Dataset()
    text.ValueType, text.TextValue = "TEXT", "grade II"
    image.ValueType, image.ReferencedSOPSequence = "IMAGE", [film().SourceImageSequence[0]]
    report.ContentSequence = [text, image]
    made = deidentify(report, KEY)
    assert made.ContentSequence[0].TextValue == "grade II"
    assert made.ContentSequence[1].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == made.SOPInstanceUID
    foreign = film()
    foreign.ContentSequence = [text]
    assert deidentify(foreign, KEY).ContentSequence[0].TextValue != "grade II"


@pytest.mark.parametrize(("stated", "says"), [("YES", "says that"), ("", "does not say"), ("NO", None)])
def test_text_in_the_picture_is_warned_of(stated, says):
    found = burned_in_warning(film(BurnedInAnnotation=stated))
    assert found is None if says is None else says in found


def test_a_key_is_made_for_this_user_alone_and_kept(tmp_path):
    path = tmp_path / "site.key"
    key = site_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert site_key(path) == key
    path.write_bytes(b"short")
    with pytest.raises(UsageError, match="is not a key"):
        site_key(path)


def test_the_command_names_no_patient_and_leaves_out_what_is_burned_in(tmp_path, capsys):
    (tmp_path / "films").mkdir()
    written(film(), tmp_path / "films" / "a.dcm")
    written(film(BurnedInAnnotation="YES"), tmp_path / "films" / "b.dcm")
    (tmp_path / "films" / "c.dcm").write_bytes(b"no film")
    arguments = ["--out", str(tmp_path / "out"), "--key", str(tmp_path / "site.key")]
    assert main(["-q", "deidentify", str(tmp_path / "films"), *arguments]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["status"] for line in lines] == ["done", "refused", "failed"]
    (made,) = (tmp_path / "out").rglob("*.dcm")
    assert lines[0]["file"] == str(made)
    assert b"ecret" not in made.read_bytes()


def test_the_key_does_not_leave_with_the_films(tmp_path):
    key = str(tmp_path / "out" / "site.key")
    assert main(["-q", "deidentify", str(tmp_path / "films"), "--out", str(tmp_path / "out"), "--key", key]) == 2

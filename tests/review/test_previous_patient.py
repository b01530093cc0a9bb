"""An earlier study of another patient is not put beside the one that is read."""

from types import SimpleNamespace

import pytest
from pydicom.dataset import Dataset

from ho_imaging import UsageError
from ho_imaging.reading.identity import patient_of
from ho_imaging.results.schema import ImageResult
from ho_imaging.review.films import FilmSource
from ho_imaging.review.session import ReviewSession


def study(number, birth_date):
    header = Dataset()
    header.PatientID, header.PatientBirthDate = "1", birth_date
    return SimpleNamespace(patients=lambda: [(f"study {number}", patient_of(header))])


def test_both_studies_and_the_attribute_are_named_and_the_way_on():
    with pytest.raises(UsageError, match=r"Birth Date differs between study 1 and study 2.*allow_other_patient=True"):
        ReviewSession(study(2, "19900101"), "AB", None, previous=study(1, "19500101"))


def test_a_film_states_its_patient_where_it_is_and_nothing_where_it_is_gone(tmp_path):
    film = Dataset()
    film.PatientID, film.SOPInstanceUID, film.StudyInstanceUID, film.Modality = "7", "1.2.3", "1.2", "DX"
    film.Rows = film.Columns = 64
    film.save_as(tmp_path / "film", implicit_vr=True, little_endian=True)
    images = [
        ImageResult(sop_instance_uid=uid, path=str(tmp_path / name), status="done")
        for uid, name in (("1.2.3", "film"), ("1.2.4", "gone"))
    ]
    source = FilmSource(images)
    assert source.patient("1.2.3") == (str(tmp_path / "film"), patient_of(film))
    assert source.patient("1.2.4")[1].number == ""

"""Results as DICOM objects; importing this loads highdicom."""

from ho_imaging.outputs.dicom.objects import FilmPictures, read_sources, study_objects

__all__ = ["FilmPictures", "read_sources", "study_objects"]

"""Files and bytes opened as DICOM data sets, with bounded size."""

from __future__ import annotations

import warnings
import zlib
from io import BytesIO
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

from ho_imaging.errors import DecodeError, HOImagingError, ReadError, TooLargeError
from ho_imaging.messages import Message
from ho_imaging.reading.archive import MAX_FILE_BYTES, path_or_bytes

__all__ = ["MAX_FILE_BYTES", "open_dataset"]


_MAX_INFLATED_BYTES = 1024**3

_INFLATE_STEP_BYTES = 1 << 20


def open_dataset(source: Path | bytes, *, header_only: bool = False) -> Dataset:
    """Read a file or bytes as DICOM, with or without a preamble.

    Raises
    ------
    ReadError
        If it cannot be read, is empty, or is not DICOM at all; `DecodeError` where it ends within its pixel data.

    """
    try:
        if isinstance(source, Path):
            source = path_or_bytes(source)
        if isinstance(source, Path) and source.stat().st_size > MAX_FILE_BYTES:
            raise TooLargeError(Message("file_too_large", most_gib=MAX_FILE_BYTES >> 30))
        _bound_inflation(source)
        dataset = _parse(source, header_only=header_only)
        # Where compressed pixel data end early, pydicom gives back nothing at all.
        is_cut = not header_only and not _is_known(dataset) and _is_known(_parse(source, header_only=True))
    except HOImagingError:
        raise
    except OSError as error:
        raise ReadError(Message("file_unreadable", detail=error.strerror or type(error).__name__)) from error
    except Exception as error:
        raise ReadError(Message("dicom_damaged", kind=type(error).__name__)) from error
    if is_cut:
        raise DecodeError(Message("dicom_pixels_cut"))
    if not _is_known(dataset):
        raise ReadError(Message("dicom_unknown"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if getattr(dataset, "file_meta", None) is None or "TransferSyntaxUID" not in dataset.file_meta:
            dataset.ensure_file_meta()
            dataset.file_meta.TransferSyntaxUID = _syntax_without_meta(dataset)
    return dataset


def _parse(source: Path | bytes, *, header_only: bool) -> Dataset:
    stream = BytesIO(source) if isinstance(source, bytes) else source
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote values, which may be the patient's
        dataset = pydicom.dcmread(stream, force=True, stop_before_pixels=header_only)
    # All values were read; the data set would keep the whole file for those that were not.
    dataset.buffer = None
    return dataset


def _is_known(dataset: Dataset) -> bool:
    """Return True if a data set describes an image, another object, or a folder of them."""
    return any(
        keyword in dataset
        for keyword in ("SOPClassUID", "Rows", "StudyInstanceUID", "Modality", "DirectoryRecordSequence")
    )


def _bound_inflation(source: Path | bytes) -> None:
    """Raise `TooLargeError` if a deflated file inflates to more than is allowed."""
    stream = BytesIO(source) if isinstance(source, bytes) else source.open("rb")
    with stream:
        stream.seek(128)
        if stream.read(4) != b"DICM":
            return
        stream.seek(0)
        head = stream.read(4096)
        if str(DeflatedExplicitVRLittleEndian).encode() not in head:
            return
        # The first element of the meta group, (0002,0000) UL, says how long the group is (PS3.10 7.1).
        stream.seek(144 + int.from_bytes(head[140:144], "little"))
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        total = 0
        while chunk := inflater.unconsumed_tail or stream.read(_INFLATE_STEP_BYTES):
            total += len(inflater.decompress(chunk, _INFLATE_STEP_BYTES))
            if total > _MAX_INFLATED_BYTES:
                raise TooLargeError(Message("dicom_inflates", most_gib=_MAX_INFLATED_BYTES >> 30))


def _syntax_without_meta(dataset: Dataset) -> UID:
    original = getattr(dataset, "original_encoding", (True, True))
    implicit, little = original
    if little is False:
        return pydicom.uid.ExplicitVRBigEndian
    return ImplicitVRLittleEndian if implicit in {True, None} else pydicom.uid.ExplicitVRLittleEndian

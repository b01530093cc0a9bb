"""A film's pixels for a viewer: every stored value, not only those inside the maker's window, and the maker's look."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from ho_imaging.errors import HOImagingError, ReadError
from ho_imaging.reading import Radiograph, discover, read_radiograph
from ho_imaging.reading.archive import first_bytes, in_archive
from ho_imaging.reading.damaged_elements import drop_damaged
from ho_imaging.reading.files import FileKind, kind_of
from ho_imaging.reading.grayscale import WINDOW_CLIPS
from ho_imaging.reading.identity import NO_PATIENT, PatientIdentity
from ho_imaging.reading.one_study import film_headers
from ho_imaging.reading.open_dicom import open_dataset
from ho_imaging.reading.reduction import enlarge_radiograph
from ho_imaging.reading.uid import MADE
from ho_imaging.reading.values import stated_whole
from ho_imaging.reading.visibility import LEAST_GREYS
from ho_imaging.results.analysis import StudyAnalysis
from ho_imaging.results.schema import ImageResult

__all__ = ["CURVE_POINTS", "FilmPixels", "FilmSource", "film_pixels", "strips"]

CURVE_POINTS = 256
_TOP = 65535
_BINS = 65536
_STRIP_BYTES = 4 << 20
_VOI = (
    "WindowCenter", "WindowWidth", "VOILUTSequence", "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)  # fmt: skip
"""Tags in which a window may be stated."""


@dataclass(frozen=True, eq=False)
class FilmPixels:
    """A film as it is sent to the viewer.

    ``codes``: uint16 (rows, columns), bone bright, linear in the film's values over all of them. The maker's look is
    ``curve[(code - low) / (high - low)]``: ``curve`` float32 (CURVE_POINTS,) in [0, 1], ``window`` (low, high) in
    codes. Moving the window moves ``low`` and ``high``. ``acquired``: when the film was taken, where that is known.
    """

    codes: NDArray[np.uint16]
    window: tuple[float, float]
    curve: NDArray[np.float32]
    acquired: date | None = None


def film_pixels(source: str | PathLike[str] | Dataset | Radiograph, frame: int = 0) -> FilmPixels:
    """Read a film for viewing; a `Radiograph` has no values outside the maker's window any more.

    One of fewer pixels than are stored is enlarged.

    Raises
    ------
    ReadError, NotARadiographError
        As for `read_radiograph`.

    """
    if isinstance(source, Radiograph):
        return _unwindowed(enlarge_radiograph(source))
    dataset = _dataset(source)
    if dataset is None:
        return _unwindowed(read_radiograph(source, frame=_frame(None, frame)))
    frame_number = _frame(dataset, frame)
    look = read_radiograph(dataset, frame=frame_number)
    if not any(keyword in dataset for keyword in _VOI):
        return _unwindowed(look)
    bare = read_radiograph(dataset, frame=frame_number, whole_range=True)
    if any(flag.code == WINDOW_CLIPS for flag in look.quality) and _is_flat(look.pixels):
        return _unwindowed(bare)
    return replace(_with_look(_codes(bare.pixels), look.pixels), acquired=look.acquired)


def _dataset(source: str | PathLike[str] | Dataset) -> Dataset | None:
    """Open a DICOM file; ``None`` for a raster file."""
    if isinstance(source, Dataset):
        return source
    path = Path(source)
    try:
        kind = kind_of(first_bytes(path, 256))
    except HOImagingError:
        raise
    except OSError as error:
        raise ReadError(f"cannot be read: {error.strerror}", path=path, remedy="check the path") from error
    if kind in {FileKind.PNG, FileKind.JPEG, FileKind.TIFF}:
        return None
    try:
        dataset = open_dataset(path)
        drop_damaged(dataset)
        return dataset
    except HOImagingError as error:
        raise type(error)(error.message, path=path) from error


def _is_another(path: Path, uid: str) -> bool:
    """Return True if a file holds another film than the one with this UID: names of files come again."""
    (header,) = film_headers([path])
    if header.sop_uid is None or (header.picture and not uid.startswith(MADE)):
        return False  # reading says what is wrong with it
    return header.sop_uid != uid


def _frame(dataset: Dataset | None, frame: int) -> int | None:
    """Return the number of a frame to read; none for a film of one frame, so that rasters need none."""
    several = dataset is not None and stated_whole(dataset, "NumberOfFrames", 1) > 1
    return frame if several or frame else None


def _is_flat(pixels: NDArray[np.float32]) -> bool:
    """Return whether a film is shown within so few greys that a viewer would open on a black or white picture."""
    step = max(1, min(pixels.shape) // 512)
    low, high = np.percentile(pixels[::step, ::step], [0.5, 99.5])
    return bool(high - low < LEAST_GREYS)


def _codes(pixels: NDArray[np.float32]) -> NDArray[np.uint16]:
    return np.asarray(np.rint(np.clip(pixels, 0.0, 1.0) * np.float32(_TOP)), dtype=np.uint16)


def _straight() -> NDArray[np.float32]:
    return np.linspace(0.0, 1.0, CURVE_POINTS, dtype=np.float32)


def _unwindowed(radiograph: Radiograph) -> FilmPixels:
    return FilmPixels(_codes(radiograph.pixels), (0.0, float(_TOP)), _straight(), radiograph.acquired)


def _with_look(codes: NDArray[np.uint16], look: NDArray[np.float32]) -> FilmPixels:
    """Learn the maker's curve from the pairs of code and shown value; it is a function, so every pair fits."""
    bins = codes.ravel()
    counts = np.bincount(bins, minlength=_BINS)
    sums = np.bincount(bins, weights=look.ravel().astype(np.float64), minlength=_BINS)
    seen = np.flatnonzero(counts)
    shown = np.interp(np.arange(_BINS), seen, sums[seen] / counts[seen])
    shown = np.maximum.accumulate(shown)
    floor, ceiling = float(shown[0]), float(shown[-1])
    if ceiling - floor < 1e-3:
        return FilmPixels(codes, (0.0, float(_TOP)), _straight())
    slack = 0.002 * (ceiling - floor)
    first = max(int(np.searchsorted(shown, floor + slack)) - 1, 0)
    last = min(int(np.searchsorted(shown, ceiling - slack)), _BINS - 1)
    step = (_TOP + 1) / _BINS
    centres = (np.arange(_BINS) + 0.5) * step
    low, high = float(centres[first]), float(centres[max(last, first + 1)])
    curve = np.interp(np.linspace(low, high, CURVE_POINTS), centres, shown)
    return FilmPixels(codes, (low, high), curve.astype(np.float32))


def strips(pixels: FilmPixels) -> Iterator[tuple[int, int, bytes]]:
    """Cut a film into strips of whole rows: (first row, rows, zlib-compressed little-endian uint16)."""
    rows, columns = pixels.codes.shape
    height = max(1, _STRIP_BYTES // (2 * columns))
    for first in range(0, rows, height):
        part = np.ascontiguousarray(pixels.codes[first : first + height], dtype="<u2")
        yield first, part.shape[0], zlib.compress(part.tobytes(), level=1)


class FilmSource:
    """Source of a study's films: memory, the paths in the result, or folders that were named instead.

    Parameters
    ----------
    images
        The films of the result.
    analysis
        The analysis they come from, if it is in memory.
    near
        Folders that relative paths may be relative to, besides the working folder.
    folders
        Folders to look through, by SOP Instance UID, for films that are not where they were.

    """

    def __init__(
        self,
        images: Sequence[ImageResult],
        *,
        analysis: StudyAnalysis | None = None,
        near: Sequence[Path] = (),
        folders: Sequence[str | PathLike[str]] = (),
    ) -> None:
        self._images = {image.sop_instance_uid: image for image in images}
        self._analysis = analysis
        self._near = tuple(near)
        self._folders = tuple(folders)
        self._found: dict[str, Path] | None = None

    def locate(self, uid: str) -> Path | Dataset | Radiograph:
        """Say where a film's pixels are.

        Raises
        ------
        ReadError
            If the file is not where it was, nor in the folders named, or another film lies there by now.

        """
        if self._analysis is not None:
            if uid in self._analysis.datasets:
                return self._analysis.datasets[uid]
            if uid in self._analysis.films:
                radiograph = self._analysis.films[uid].reading.prepared.radiograph
                path = None if radiograph.path is None else Path(radiograph.path)
                return path if path is not None and path.is_file() and not _is_another(path, uid) else radiograph
        path = None if (stated := self._images[uid].path) is None else Path(stated)
        replaced: Path | None = None
        for candidate in () if path is None else (path, *(folder / path for folder in self._near)):
            if candidate.is_file() or in_archive(candidate) is not None:
                if not _is_another(candidate, uid):
                    return candidate
                replaced = replaced or candidate
        if uid in self._elsewhere():
            return self._elsewhere()[uid]
        if replaced is not None:
            raise ReadError(
                "holds another film now than the one that was analysed",
                path=replaced,
                remedy="put that one back, or give films=FOLDER to look for it by its UID",
            )
        if path is None:  # it was analysed from memory, or the batch says no paths
            raise ReadError(
                f"the result does not say where film {uid} lies", remedy="give films=FOLDER where it lies as a file"
            )
        looked = f" and not in {', '.join(str(folder) for folder in self._folders)}" if self._folders else ""
        raise ReadError(
            f"the film is not there any more{looked}",
            path=path,
            remedy="put it back, or give films=FOLDER to look for it by its UID",
        )

    def patient(self, uid: str) -> tuple[str, PatientIdentity]:
        """Return how a film is named to its reader, and what it states of its patient; nothing where it is gone."""
        try:
            place = self.locate(uid)
        except ReadError:
            return uid, NO_PATIENT
        if isinstance(place, Radiograph):
            return place.path or uid, place.patient
        (header,) = film_headers([place])
        return str(place) if isinstance(place, Path) else uid, header.patient

    def _elsewhere(self) -> dict[str, Path]:
        if self._found is None:
            found = discover(self._folders).studies if self._folders else ()
            self._found = {image.sop_instance_uid: Path(image.path) for study in found for image in study.images}
        return self._found

    def pixels(self, uid: str) -> FilmPixels:
        """Read a film's pixels.

        Raises
        ------
        ReadError
            If they cannot be had, or the file holds another film by now.

        """
        place = self.locate(uid)
        pixels = film_pixels(place, self._images[uid].frame)
        image = self._images[uid]
        if (image.rows, image.columns) not in {(None, None), pixels.codes.shape}:
            raise ReadError(
                f"holds {pixels.codes.shape[0]} x {pixels.codes.shape[1]} pixels, the film read had "
                f"{image.rows} x {image.columns}",
                path=place if isinstance(place, Path) else None,
                remedy="put the film that was analysed back",
            )
        return pixels

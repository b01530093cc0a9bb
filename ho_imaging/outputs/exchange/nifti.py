"""NIfTI: a label map a film for ITK-SNAP and 3D Slicer; see `ho_imaging.outputs.exchange.volumes`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ho_imaging.files.atomic import write_bytes
from ho_imaging.outputs.exchange.shapes import film_paths
from ho_imaging.outputs.exchange.volumes import volume_of
from ho_imaging.outputs.registry import Output, Source

__all__ = ["OUTPUT"]


def _write(source: Source, path: Path) -> None:
    import gzip  # noqa: PLC0415

    import nibabel  # noqa: PLC0415  (an extra)

    untyped: Any = nibabel
    for film, place in film_paths(source, path, ".nii.gz"):
        volume = volume_of(film)
        column_mm, row_mm = volume.spacing_mm
        # NIfTI's axes point right, anterior and superior; the same places as in the other formats, which point left.
        image = untyped.Nifti1Image(volume.labels, np.diag([-column_mm, -row_mm, 1.0, 1.0]))
        image.header.set_xyzt_units("unknown" if volume.basis == "none" else "mm")
        image.header["descrip"] = f"mm: {volume.basis}".encode()
        write_bytes(place, gzip.compress(image.to_bytes(), mtime=0))  # the same result gives the same bytes


OUTPUT = Output(
    name="nifti",
    about="NIfTI for ITK-SNAP and 3D Slicer: a label map a film, with spacing",
    write=_write,
    packages=("nibabel",),
    extra="exchange",
)

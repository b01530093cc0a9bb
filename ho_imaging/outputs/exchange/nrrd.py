"""NRRD: a label map a film, which 3D Slicer opens as a segmentation; see `ho_imaging.outputs.exchange.volumes`."""

from __future__ import annotations

import io
from pathlib import Path

from ho_imaging.files.atomic import write_bytes
from ho_imaging.outputs.exchange.shapes import film_paths
from ho_imaging.outputs.exchange.volumes import Volume, volume_of
from ho_imaging.outputs.registry import Output, Source

__all__ = ["OUTPUT"]


def _write(source: Source, path: Path) -> None:
    import nrrd  # noqa: PLC0415  (an extra)

    for film, place in film_paths(source, path, ".seg.nrrd"):
        volume = volume_of(film)
        stream = io.BytesIO()
        nrrd.write(stream, volume.labels, _header(volume))
        # Without the time of writing, which stands in a comment, the same result gives the same bytes.
        head, blank, data = stream.getvalue().partition(b"\n\n")
        kept = [line for line in head.split(b"\n") if not line.startswith(b"#")]
        write_bytes(place, b"\n".join(kept) + blank + data)


def _header(volume: Volume) -> dict[str, object]:
    column_mm, row_mm = volume.spacing_mm
    header: dict[str, object] = {
        "encoding": "gzip",
        "space": "left-posterior-superior",
        "space directions": [[column_mm, 0.0, 0.0], [0.0, row_mm, 0.0], [0.0, 0.0, 1.0]],
        "space origin": [0.0, 0.0, 0.0],
        "kinds": ["domain", "domain", "domain"],
        "spacing_basis": volume.basis,
    }
    if volume.basis != "none":
        header["space units"] = ["mm", "mm", "mm"]
    rows, columns = volume.labels.shape[1], volume.labels.shape[0]
    for place, (number, name) in enumerate(volume.names.items()):
        header |= {
            f"Segment{place}_ID": f"Segment_{number}",
            f"Segment{place}_Name": name,
            f"Segment{place}_LabelValue": str(number),
            f"Segment{place}_Layer": "0",
            f"Segment{place}_Color": "1 0.69 0",
            f"Segment{place}_Extent": f"0 {columns - 1} 0 {rows - 1} 0 0",
        }
    return header


OUTPUT = Output(
    name="nrrd",
    about="NRRD for 3D Slicer: a label map a film, with spacing",
    write=_write,
    packages=("nrrd",),
    extra="exchange",
)

"""Write pictures as PNG."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ho_imaging.errors import WriteError
from ho_imaging.files.atomic import write_bytes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["write_png"]


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Write a picture as PNG, whole or not at all.

    Parameters
    ----------
    path
        The file to be written.
    image
        Grey (rows, columns) or RGB (rows, columns, 3), uint8.

    Raises
    ------
    WriteError
        If it cannot be encoded or written.

    """
    import cv2  # noqa: PLC0415  (loads only for pictures)
    import numpy as np  # noqa: PLC0415

    ordered = image if image.ndim == 2 else np.ascontiguousarray(image[..., ::-1])
    done, encoded = cv2.imencode(".png", ordered, [cv2.IMWRITE_PNG_COMPRESSION, 4])
    if not done:
        raise WriteError("could not be encoded as PNG", path=path)
    write_bytes(path, encoded.tobytes())

"""Small picture files, each a study of its own by its content."""

from pathlib import Path

import numpy as np
from PIL import Image


def picture(path: Path, number: int = 0) -> Path:
    """Write noise as a PNG of 70 x 80 pixels, whatever the file is called; another number is another picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(number).integers(0, 255, (70, 80)).astype(np.uint8)
    Image.fromarray(values).save(path, "PNG")
    return path

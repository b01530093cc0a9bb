"""What the tests of batches share."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def make_films(tmp_path):
    """Write so many pictures of noise, each a study of its own, into one folder."""

    def make(count):
        folder = tmp_path / "films"
        folder.mkdir()
        rng = np.random.default_rng(0)
        for number in range(count):
            Image.fromarray((rng.random((80, 90)) * 255).astype(np.uint8)).save(folder / f"{number:02d}.png")
        return folder

    return make


@pytest.fixture
def films(make_films):
    return make_films(12)

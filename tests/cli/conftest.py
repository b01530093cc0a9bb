"""What the tests of commands share."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def chest(tmp_path):
    """A film that its caller calls a chest: refused before any model is needed."""
    path = tmp_path / "films" / "a.png"
    path.parent.mkdir()
    Image.fromarray((np.random.default_rng(0).random((200, 240)) * 255).astype(np.uint8)).save(path)
    return path

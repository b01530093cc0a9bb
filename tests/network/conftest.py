"""Small networks with random weights, and prepared films of random content."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ho_imaging.network.architecture import Architecture
from ho_imaging.network.model_store import save_model
from ho_imaging.network.unet import UNet
from ho_imaging.preparing.prepared import GridMap, Prepared
from ho_imaging.preparing.scale import Scale
from ho_imaging.reading.radiograph import Radiograph, Sourced, Spacing
from ho_imaging.vocabulary import Laterality, Region, SpacingBasis, Structure, View

STRUCTURES = tuple(Structure)


def random_net(*, seed: int = 0, architecture: Architecture | None = None) -> UNet:
    """A small network whose batch statistics are those of random films, so that its logits have a sane spread."""
    torch.manual_seed(seed)
    net = UNet(architecture or Architecture(widths=(8, 12, 16), blocks=(0, 1, 1), dilations=(1,)), len(STRUCTURES))
    net.train()
    with torch.no_grad():
        for _ in range(20):
            net(torch.rand(4, 2, 64, 64))
    return net.eval()


def prepared_film(rows: int, columns: int, *, seed: int = 0) -> Prepared:
    rng = np.random.default_rng(seed)
    coarse = rng.random((rows // 8 + 1, columns // 8 + 1), dtype=np.float32)
    pixels = np.kron(coarse, np.ones((8, 8), dtype=np.float32))[:rows, :columns]
    radiograph = Radiograph(
        pixels=pixels,
        padding=None,
        spacing=Spacing(0.6, 0.6, SpacingBasis.DETECTOR, "ImagerPixelSpacing"),
        region=Sourced(Region.HIP, "caller"),
        view=Sourced(View.AP, "caller"),
        laterality=Sourced(Laterality.LEFT, "caller"),
        study_uid="1.2",
        series_uid="1.2.3",
        sop_instance_uid="1.2.3.4",
        frame=0,
        path=None,
        modality="DX",
    )
    grid = GridMap((rows, columns), (rows, columns), 1.0, 0.0, 1.0, 0.0)
    return Prepared(radiograph, pixels, np.ones((rows, columns), dtype=bool), Scale(0.6, SpacingBasis.DETECTOR), grid)


@pytest.fixture
def make_net():
    return random_net


@pytest.fixture
def make_prepared():
    return prepared_film


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "models" / "toy"
    save_model(folder, random_net(), name="toy", version="1.0", structures=STRUCTURES)
    return folder

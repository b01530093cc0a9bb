import dataclasses
import json
import shutil
import subprocess
from pathlib import Path

import gdcm
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.pixels import apply_modality_lut, apply_voi_lut

from ho_imaging.errors import UsageError
from ho_imaging.simulation.dicom_writer import ANATOMY, PROJECTIONS, write_dx, write_truth
from ho_imaging.simulation.film import StoredForm, make_film
from ho_imaging.simulation.scene import Scene
from ho_imaging.vocabulary import Region, View

COMPRESSIONS = ["jpeg_ls", "jpeg_2000", "none"]
SYNTAXES = {"jpeg_ls": "1.2.840.10008.1.2.4.80", "jpeg_2000": "1.2.840.10008.1.2.4.90", "none": "1.2.840.10008.1.2.1"}


def complaints(path: Path) -> list[str]:
    checker = shutil.which("dciodvfy")
    if checker is None:
        pytest.skip("dciodvfy is not on the path; it comes with the package dicom3tools")
    done = subprocess.run([checker, "-new", str(path)], capture_output=True, text=True, check=False)
    return [line for line in (done.stdout + done.stderr).splitlines() if line.startswith(("Error", "Warning"))]


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("form", [StoredForm(8), StoredForm(12, "MONOCHROME1", 0.1, 0.8), StoredForm(16)])
def test_objects_pass_the_validator(tmp_path: Path, slab_scene: Scene, compression: str, form: StoredForm) -> None:
    path = tmp_path / "film.dcm"
    write_dx(make_film(slab_scene, 1, form=form), slab_scene, path, seed=1, compression=compression)
    assert complaints(path) == []


@pytest.mark.parametrize("region", [*sorted(ANATOMY), "other"])
def test_every_region_passes_the_validator(tmp_path: Path, slab_scene: Scene, region: str) -> None:
    scene = dataclasses.replace(slab_scene, region=region, laterality="bilateral")
    path = tmp_path / "film.dcm"
    write_dx(make_film(scene, 2), scene, path, seed=2)
    assert complaints(path) == []


@pytest.mark.parametrize("view", sorted(PROJECTIONS))
def test_every_view_passes_the_validator(tmp_path: Path, slab_scene: Scene, view: str) -> None:
    scene = dataclasses.replace(slab_scene, view=view, laterality="right")
    path = tmp_path / "film.dcm"
    write_dx(make_film(scene, 3), scene, path, seed=3)
    assert complaints(path) == []


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_another_decoder_reads_the_same_pixels(tmp_path: Path, slab_scene: Scene, compression: str, bits: int) -> None:
    film = make_film(slab_scene, 4, form=StoredForm(bits))
    path = tmp_path / "film.dcm"
    write_dx(film, slab_scene, path, seed=4, compression=compression)
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    raw = reader.GetImage().GetBuffer().encode("utf-8", "surrogateescape")
    decoded = np.frombuffer(raw, np.uint8 if bits == 8 else "<u2").reshape(film.pixels.shape)
    assert np.array_equal(decoded, film.pixels)
    assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == SYNTAXES[compression]


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_the_grayscale_pipeline_of_the_standard_gives_the_display(
    tmp_path: Path, slab_scene: Scene, photometric: str
) -> None:
    film = make_film(slab_scene, 5, form=StoredForm(12, photometric, 0.15, 0.8))
    path = tmp_path / "film.dcm"
    write_dx(film, slab_scene, path, seed=5)
    dataset = pydicom.dcmread(path)
    shown = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset) / (2.0**12 - 1.0)
    if dataset.PresentationLUTShape == "INVERSE":
        shown = 1.0 - shown
    np.testing.assert_allclose(shown, film.display, atol=1.0 / film.window_width)
    assert dataset.PresentationLUTShape == ("INVERSE" if photometric == "MONOCHROME1" else "IDENTITY")


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_same_seed_same_bytes(tmp_path: Path, slab_scene: Scene, compression: str) -> None:
    for name in ("first.dcm", "again.dcm"):
        write_dx(make_film(slab_scene, 6), slab_scene, tmp_path / name, seed=6, compression=compression)
    assert (tmp_path / "first.dcm").read_bytes() == (tmp_path / "again.dcm").read_bytes()


def test_views_share_a_study_and_studies_share_a_patient(tmp_path: Path, slab_scene: Scene) -> None:
    film = make_film(slab_scene, 7)
    heads = {}
    for name, seed, study, instance in (("a", 7, 1, 1), ("b", 7, 1, 2), ("c", 7, 2, 1), ("d", 8, 1, 1)):
        path = tmp_path / f"{name}.dcm"
        write_dx(film, slab_scene, path, seed=seed, study_number=study, instance_number=instance)
        heads[name] = pydicom.dcmread(path, stop_before_pixels=True)
    assert heads["a"].StudyInstanceUID == heads["b"].StudyInstanceUID != heads["c"].StudyInstanceUID
    assert heads["a"].PatientID == heads["c"].PatientID != heads["d"].PatientID
    uids = [str(head[tag].value) for head in heads.values() for tag in ("SOPInstanceUID", "SeriesInstanceUID")]
    assert len(set(uids)) == 8
    assert all(pydicom.uid.UID(uid).is_valid and uid.startswith("2.25.") for uid in uids)


def test_geometry_and_anatomy_are_told(tmp_path: Path, slab_scene: Scene) -> None:
    film = make_film(slab_scene, 9)
    path = tmp_path / "film.dcm"
    write_dx(film, slab_scene, path, seed=9)
    dataset = pydicom.dcmread(path)
    assert [float(value) for value in dataset.ImagerPixelSpacing] == [0.5, 0.5]
    assert "PixelSpacing" not in dataset
    assert float(dataset.EstimatedRadiographicMagnificationFactor) == pytest.approx(1.15)
    ratio = float(dataset.DistanceSourceToDetector) / float(dataset.DistanceSourceToPatient)
    assert ratio == pytest.approx(1.15, rel=1e-4)
    assert (dataset.BodyPartExamined, dataset.ImageLaterality, dataset.ViewPosition) == ("HIP", "L", "AP")
    assert dataset.AnatomicRegionSequence[0].CodeValue == "29836001"
    assert dataset.ViewCodeSequence[0].CodeValue == "399348003"
    assert dataset.PresentationIntentType == "FOR PRESENTATION"
    assert dataset.BurnedInAnnotation == ("YES" if film.burned_in else "NO")


def test_frog_leg_is_told_by_its_eponym(tmp_path: Path, slab_scene: Scene) -> None:
    scene = dataclasses.replace(slab_scene, view=View.FROG_LEG, region=Region.PELVIS, laterality="bilateral")
    write_dx(make_film(scene, 10), scene, tmp_path / "film.dcm", seed=10)
    dataset = pydicom.dcmread(tmp_path / "film.dcm")
    assert dataset.ProjectionEponymousNameCodeSequence[0].CodeMeaning == "Cleaves"
    assert dataset.ImageLaterality == "B"


def test_unknown_compression_is_refused_before_anything_is_written(tmp_path: Path, slab_scene: Scene) -> None:
    path = tmp_path / "film.dcm"
    with pytest.raises(UsageError, match="unknown compression"):
        write_dx(make_film(slab_scene, 11), slab_scene, path, seed=11, compression="jpeg")
    assert not path.exists()


def test_a_view_that_is_not_simulated_is_refused(tmp_path: Path, slab_scene: Scene) -> None:
    scene = dataclasses.replace(slab_scene, view=View.AXIAL)
    with pytest.raises(UsageError, match="not simulated"):
        write_dx(make_film(scene, 12), scene, tmp_path / "film.dcm", seed=12)


def test_truth_comes_back_from_disk(tmp_path: Path, slab_scene: Scene) -> None:
    folder = tmp_path / "case" / "truth"
    write_truth(slab_scene, folder)
    for name, mask in slab_scene.masks.items():
        read = np.asarray(Image.open(folder / f"{name}.png"))
        assert read.dtype == np.uint8
        assert np.array_equal(read == 255, mask)
        assert set(np.unique(read)) <= {0, 255}
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    assert truth["masks"] == sorted(slab_scene.masks)
    assert (truth["rows"], truth["columns"], truth["pixel_mm"]) == (160, 200, 0.5)
    assert truth["truth"] == slab_scene.truth


def test_truth_is_the_same_bytes_again(tmp_path: Path, slab_scene: Scene) -> None:
    for name in ("first", "again"):
        write_truth(slab_scene, tmp_path / name)
    names = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert set(names) == {f"{name}.png" for name in [*slab_scene.masks, "nodules"]} | {"truth.json"}
    assert all((tmp_path / "first" / n).read_bytes() == (tmp_path / "again" / n).read_bytes() for n in names)


def test_what_is_written_on_a_film_is_a_mimic_of_that_film(tmp_path: Path, slab_scene: Scene) -> None:
    film = next(film for seed in range(20) if (film := make_film(slab_scene, seed)).burned_in)
    write_truth(slab_scene, tmp_path, film)
    truth = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))
    assert "mimic_marker" in truth["masks"]
    assert "marker" in truth["truth"]["mimics"]
    assert np.array_equal(np.asarray(Image.open(tmp_path / "mimic_marker.png")) == 255, film.marks)

"""Each format is read back with its own tool's library, on a nodule whose pixels are known."""

import base64
import csv
import hashlib
import json
from pathlib import Path
from xml.etree import ElementTree

import cv2
import jsonschema
import numpy as np
import pytest
import shapely
from outlined_study import COLUMNS, FILM, PARTS, RING, ROWS, STUDY
from skimage.draw import polygon as polygon_pixels

from ho_imaging.errors import UsageError
from ho_imaging.outputs import write
from ho_imaging.outputs.registry import find
from ho_imaging.results.schema import ImageResult, SoftwareResult, StudyResult
from ho_imaging.vocabulary import SpacingBasis, Status

ROW_MM, COLUMN_MM = 0.5, 0.25


def masks():
    ring, parts = np.zeros((2, ROWS, COLUMNS), dtype=bool)
    ring[10:25, 20:40] = True
    ring[15:19, 28:32] = False
    parts[40:51, 2:10] = parts[3:10, 60:80] = True
    return ring, parts


@pytest.fixture
def result():
    image = ImageResult(
        sop_instance_uid=FILM, path="films/AP hip.dcm", status=Status.DONE, rows=ROWS, columns=COLUMNS,
        measured_spacing_mm=(ROW_MM, COLUMN_MM), measured_basis=SpacingBasis.DETECTOR,
    )  # fmt: skip
    refused = ImageResult(sop_instance_uid="1.2.3.5", status=Status.REFUSED, reason={"code": "body_missing"})
    return StudyResult(
        study_uid=STUDY, status=Status.DONE, images=(image, refused), findings=(RING, PARTS),
        software=SoftwareResult(name="ho_imaging", version="0"),
    )  # fmt: skip


def inside(shape):
    """Pixels whose centres a shape holds, where the first pixel reaches from 0 to 1."""
    columns, rows = np.meshgrid(np.arange(COLUMNS) + 0.5, np.arange(ROWS) + 0.5)
    return shapely.contains_xy(shape, columns, rows)


def test_coco_is_what_pycocotools_reads(result, tmp_path, capsys):
    coco = pytest.importorskip("pycocotools.coco")
    write([result, result.model_copy(update={"findings": ()})], "coco", tmp_path / "coco.json")
    read = coco.COCO(str(tmp_path / "coco.json"))
    assert len(read.imgs) == 2
    annotations = read.loadAnns(read.getAnnIds(imgIds=1))
    assert not read.getAnnIds(imgIds=2)
    for annotation, mask in zip(annotations, masks(), strict=True):
        assert np.array_equal(read.annToMask(annotation).astype(bool), mask)
        assert annotation["area"] == mask.sum()
        rows, columns = np.nonzero(mask)
        box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
        assert annotation["bbox"] == pytest.approx(box)


def test_geojson_has_the_first_pixel_from_0_to_1(result, tmp_path):
    geojson = pytest.importorskip("geojson")
    write(result, "geojson", tmp_path)
    read = geojson.loads((tmp_path / f"{FILM}.geojson").read_text())
    assert read.is_valid
    for feature, mask in zip(read.features, masks(), strict=True):
        shape = shapely.geometry.shape(feature.geometry)
        assert shape.is_valid
        assert np.array_equal(inside(shape), mask)
        assert feature.properties["objectType"] == "annotation"
        assert feature.properties["measurements"]["area_mm2"] == 1.25


LABELME = {
    "type": "object",
    "required": ["version", "flags", "shapes", "imagePath", "imageData", "imageHeight", "imageWidth"],
    "additionalProperties": False,
    "properties": {
        "version": {"type": "string"},
        "flags": {"type": "object"},
        "imagePath": {"type": "string"},
        "imageData": {"type": ["string", "null"]},
        "imageHeight": {"type": "integer"},
        "imageWidth": {"type": "integer"},
        "shapes": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["label", "points", "group_id", "shape_type", "flags"],
                "additionalProperties": False,
                "properties": {
                    "label": {"type": "string"},
                    "points": {"type": "array", "items": {"type": "array", "minItems": 2, "maxItems": 2}},
                    "group_id": {"type": ["integer", "null"]},
                    "description": {"type": ["string", "null"]},
                    "shape_type": {"enum": ["polygon", "mask"]},
                    "flags": {"type": "object"},
                    "mask": {"type": ["string", "null"]},
                },
            },
        },
    },
}
"""Keys that LabelMe 5.4 reads of its own files: those of ``LabelFile.load``."""


def test_labelme_has_shapes_of_its_own_form(result, tmp_path):
    write(result, "labelme", tmp_path, names="file")
    read = json.loads((tmp_path / "AP hip.json").read_text())
    jsonschema.validate(read, LABELME)
    found = np.zeros((2, ROWS, COLUMNS), dtype=bool)
    for shape in read["shapes"]:
        if shape["shape_type"] == "polygon":
            found[shape["group_id"] - 1] |= inside(shapely.Polygon(shape["points"]))
        else:
            (left, top), (right, bottom) = shape["points"]
            picture = cv2.imdecode(np.frombuffer(base64.b64decode(shape["mask"]), np.uint8), cv2.IMREAD_GRAYSCALE)
            found[shape["group_id"] - 1, top : bottom + 1, left : right + 1] |= picture.astype(bool)
    assert np.array_equal(found, masks())


def test_cvat_has_polygons_and_runs(result, tmp_path):
    write([result], "cvat", tmp_path / "cvat.xml")
    image = ElementTree.parse(tmp_path / "cvat.xml").getroot().find("image")
    assert (image.get("width"), image.get("height"), image.get("name")) == ("80", "60", "films/AP hip.dcm")
    ring = np.zeros((ROWS, COLUMNS), dtype=bool)
    mask = image.find("mask")
    left, top, width, height = (int(mask.get(name)) for name in ("left", "top", "width", "height"))
    lengths = [int(length) for length in mask.get("rle").split(",")]
    pixels = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    ring[top : top + height, left : left + width] = pixels.reshape(height, width)
    polygons = [
        shapely.Polygon([tuple(map(float, point.split(","))) for point in element.get("points").split(";")])
        for element in image.findall("polygon")
    ]
    assert np.array_equal([ring, inside(shapely.union_all(polygons))], masks())


def test_yolo_has_shares_of_the_film_and_joins_holes_to_the_outside(result, tmp_path):
    write([result], "yolo", tmp_path)
    found = np.zeros((ROWS, COLUMNS), dtype=bool)
    lines = (tmp_path / "labels" / f"{FILM}.txt").read_text().splitlines()
    assert len(lines) == 3
    for line in lines:
        number, *values = line.split()
        assert number == "0"
        points = np.array(values, dtype=float).reshape(-1, 2)
        assert points.min() >= 0
        assert points.max() <= 1
        x, y = (points * [COLUMNS, ROWS] - 0.5).T
        rows, columns = polygon_pixels(y, x, (ROWS, COLUMNS))
        found[rows, columns] = True
    assert np.array_equal(found, np.logical_or(*masks()))
    assert "0: heterotopic_ossification" in (tmp_path / "data.yaml").read_text()


def label_map():
    ring, parts = masks()
    return ring + 2 * parts


def test_label_pictures_have_a_number_a_nodule(result, tmp_path):
    write(result, "labels", tmp_path / "labels.png")
    assert np.array_equal(cv2.imread(str(tmp_path / "labels.png"), cv2.IMREAD_UNCHANGED), label_map())


@pytest.mark.parametrize("name", ["nrrd", "nifti"])
def test_volumes_have_the_spacing_and_place_that_itk_reads(result, tmp_path, name):
    itk = pytest.importorskip("SimpleITK")
    write(result, name, tmp_path)
    (path,) = tmp_path.iterdir()
    image = itk.ReadImage(str(path))
    assert np.array_equal(itk.GetArrayFromImage(image)[0], label_map())
    assert image.GetSpacing() == pytest.approx((COLUMN_MM, ROW_MM, 1.0))
    assert image.GetDirection() == pytest.approx(np.eye(3).ravel())
    # The first pixel of the nodule: column 20, row 10.
    assert image.TransformIndexToPhysicalPoint((20, 10, 0)) == pytest.approx((20 * COLUMN_MM, 10 * ROW_MM, 0.0))


def test_nibabel_and_pynrrd_read_units_and_names(result, tmp_path):
    nibabel, nrrd = pytest.importorskip("nibabel"), pytest.importorskip("nrrd")
    write(result, "nifti", tmp_path)
    write(result, "nrrd", tmp_path)
    image = nibabel.load(tmp_path / f"{FILM}.nii.gz")
    assert image.header.get_zooms() == pytest.approx((COLUMN_MM, ROW_MM, 1.0))
    assert image.header.get_xyzt_units()[0] == "mm"
    labels, header = nrrd.read(str(tmp_path / f"{FILM}.seg.nrrd"))
    assert np.array_equal(labels[:, :, 0].T, label_map())
    assert header["Segment1_Name"] == "heterotopic_ossification F2"
    assert header["spacing_basis"] == "detector"
    bare = result.images[0].model_copy(update={"measured_spacing_mm": None})
    write(result.model_copy(update={"images": (bare,)}), "nifti", tmp_path / "bare.nii.gz")
    image = nibabel.load(tmp_path / "bare.nii.gz")
    assert image.header.get_zooms() == (1.0, 1.0, 1.0)
    assert image.header.get_xyzt_units()[0] == "unknown"


def test_the_table_for_r_says_na_for_what_is_not_known(result, tmp_path):
    write([result], "r", tmp_path / "r.csv")
    with (tmp_path / "r.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["id"] for row in rows] == ["F1", "F2"]
    assert rows[0]["area_mm2"] == "1.25"
    assert rows[0]["grade"] == rows[0]["periarticular"] == "NA"


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("geojson", ".geojson"), ("labelme", ".json"), ("labels", ".png"), ("nrrd", ".seg.nrrd"), ("nifti", ".nii.gz")],
)
def test_a_picture_file_names_its_files_as_it_does_in_output_folders(result, tmp_path, name, suffix):
    uid = "2.25.7"
    flags = ({"code": "raster_file", "message": {"code": "raster_file"}},)
    changes = {"sop_instance_uid": uid, "path": "films/left hip.png"}
    image = ImageResult.model_validate(result.images[0].model_dump() | changes | {"quality_flags": flags})
    findings = tuple(one.model_copy(update={"sop_instance_uid": uid}) for one in result.findings)
    pictures = result.model_copy(update={"images": (image,), "findings": findings})
    stem = "left_hip-" + hashlib.sha256(uid.encode()).hexdigest()[:12]
    write(pictures, name, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"{stem}{suffix}"]
    unnamed = image.model_copy(update={"path": None})
    write(pictures.model_copy(update={"images": (unnamed,)}), name, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"{uid}{suffix}"]


def test_files_of_one_name_are_refused_and_one_file_is_for_one_film(result, tmp_path):
    twin = result.images[0].model_copy(update={"sop_instance_uid": "1.2.3.9"})
    two = result.model_copy(update={"images": (result.images[0], twin)})
    with pytest.raises(UsageError, match="two films are named AP hip"):
        write(two, "labelme", tmp_path, names="file")
    with pytest.raises(UsageError, match="2 films were analysed"):
        write(two, "labels", tmp_path / "one.png")


def test_the_end_of_a_uid_is_no_suffix_of_a_file(result, tmp_path):
    films = [
        result.images[0].model_copy(update={"sop_instance_uid": uid, "path": uid}) for uid in ("1.2.3.8", "1.2.3.9")
    ]
    findings = tuple(found.model_copy(update={"sop_instance_uid": "1.2.3.8"}) for found in result.findings)
    write(result.model_copy(update={"images": tuple(films), "findings": findings}), "labelme", tmp_path, names="file")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.2.3.8.json", "1.2.3.9.json"]


@pytest.mark.parametrize("name", ["coco", "geojson", "labelme", "cvat", "yolo", "labels", "nrrd", "nifti", "r"])
def test_the_same_result_gives_the_same_bytes(result, tmp_path, name, monkeypatch):
    written = []
    for number in (1, 2):
        monkeypatch.setattr("time.time", lambda number=number: 1e9 + 1e6 * number)
        (tmp_path / str(number)).mkdir()
        path = tmp_path / str(number) / find(name).path_in(Path()).name
        write(result, name, path)
        files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
        written.append([file.read_bytes() for file in files])
    assert written[0] == written[1]
    assert written[0]

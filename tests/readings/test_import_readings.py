"""Outlines of other programs become readings; what is wrong is named, and nothing is half kept."""

import json

import numpy as np
import pytest
from outlined_study import COLUMNS, FILM, PARTS, RING, ROWS, STUDY

from ho_imaging.cli import main
from ho_imaging.errors import ReadError, UsageError, WriteError
from ho_imaging.outputs import write
from ho_imaging.readings.import_readings import import_readings
from ho_imaging.readings.outlines import outline_shape
from ho_imaging.readings.readings import reader_reading
from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.results.folder import OutputFolder
from ho_imaging.results.schema import ImageResult, SoftwareResult, StudyResult
from ho_imaging.vocabulary import SpacingBasis, Status


def image(uid=FILM, path="films/AP hip.dcm"):
    return ImageResult(
        sop_instance_uid=uid, path=path, status=Status.DONE, rows=ROWS, columns=COLUMNS,
        measured_spacing_mm=(0.5, 0.25), measured_basis=SpacingBasis.DETECTOR,
    )  # fmt: skip


def result(uid=STUDY, images=None, findings=(RING, PARTS)):
    return StudyResult(
        study_uid=uid, status=Status.DONE, images=(image(),) if images is None else images, findings=findings,
        software=SoftwareResult(name="ho_imaging", version="0"),
    )  # fmt: skip


def keep(folder, *results):
    for one in results:
        place = OutputFolder(folder).study(one.study_uid)
        place.path.mkdir(parents=True)
        place.result.write_text(one.to_json())


@pytest.fixture
def batch(tmp_path):
    keep(tmp_path / "out", result())
    return tmp_path / "out"


@pytest.mark.parametrize("name", ["coco", "labelme", "geojson"])
def test_outlines_written_and_imported_are_the_same(batch, tmp_path, name):
    write(result(), name, tmp_path / "drawn.json")
    files = [tmp_path / "drawn.json"]
    if name != "coco":
        files = sorted((tmp_path / "drawn.json").iterdir()) if (tmp_path / "drawn.json").is_dir() else files
    done = import_readings(batch, files, reader="AB")
    assert (done.studies, done.films, done.nodules, done.partly_read) == (1, 1, 2, ())
    reading = reader_reading(result(), ReviewStore(batch / "reviews").read(STUDY, "AB"))
    assert reading.committed
    assert reading.reader == "AB"
    for nodule, found in zip(reading.nodules, (RING, PARTS), strict=True):
        apart = outline_shape(nodule.outline_xy_px).symmetric_difference(outline_shape(found.contours_xy_px))
        assert apart.area == pytest.approx(0.0, abs=1e-6)


def test_a_film_without_outlines_was_read_and_the_models_nodules_do_not_count(batch, tmp_path):
    write(result(findings=()), "coco", tmp_path / "none.json")
    assert import_readings(batch, [tmp_path / "none.json"], reader="AB").nodules == 0
    reading = reader_reading(result(), ReviewStore(batch / "reviews").read(STUDY, "AB"))
    assert reading.committed
    assert not reading.nodules


def test_a_study_of_which_films_are_missing_is_not_committed(tmp_path, capsys):
    both = result(images=(image(), image("1.2.3.5", "films/lateral.dcm")))
    keep(tmp_path / "out", both)
    write(result(), "labelme", tmp_path / "drawn", names="file")
    assert main(["-q", "import-readings", str(tmp_path / "out"), str(tmp_path / "drawn"), "--reader", "AB"]) == 1
    assert json.loads(capsys.readouterr().out)["partly_read"] == [STUDY]
    reading = reader_reading(both, ReviewStore(tmp_path / "out" / "reviews").read(STUDY, "AB"))
    assert not reading.committed
    assert len(reading.nodules) == 2


def labelme(**changes):
    shape = {
        "label": "bone",
        "points": [[1, 1], [9, 1], [9, 9]],
        "group_id": None,
        "shape_type": "polygon",
        "flags": {},
    }
    about = {"version": "5.4.1", "flags": {}, "imagePath": "AP hip.png", "imageData": None}
    return about | {"imageHeight": ROWS, "imageWidth": COLUMNS, "shapes": [shape, shape | changes]}


def coco(**changes):
    images = [{"id": 7, "file_name": "AP hip.dcm", "height": ROWS, "width": COLUMNS}]
    annotation = {"id": 5, "image_id": 7, "category_id": 1, "segmentation": [[1, 1, 9, 1, 9, 9]], "iscrowd": 0}
    return {"images": images, "annotations": [annotation | changes], "categories": [{"id": 1, "name": "bone"}]}


def feature(geometry):
    return {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": geometry, "properties": {}}]}


WRONG = {
    "no json": ("{", "is not JSON"),
    "deep": ("[" * 100_000, "is not JSON"),
    "something else": ({"a": 1}, "is neither COCO nor LabelMe nor GeoJSON"),
    "crossing": (labelme(points=[[0, 0], [9, 9], [9, 0], [0, 9]]), "shape 2 crosses itself"),
    "two points": (labelme(points=[[0, 0], [9, 9]]), "shape 2 has fewer than three points"),
    "a circle": (labelme(shape_type="circle"), "shape 2 is a circle, not an outline"),
    "outside": (labelme(points=[[0, 0], [999, 9], [9, 30]]), "shape 2 leaves the film of 60 x 80 pixels"),
    "not a number": (labelme(points=[[0, 0], ["Doe", 9], [9, 30]]), "shape 2 is no outline"),
    "no points": (labelme(points=None), "shape 2"),
    "other size": (labelme() | {"imageWidth": 81}, "has 60 x 81 pixels, the film 60 x 80"),
    "other film": (labelme() | {"imagePath": "knee.png"}, "knee.png is no film of the batch"),
    "no image": (coco(image_id=8), "annotation 5: its image is not in the file"),
    "no segmentation": (coco(segmentation=[]), "annotation 5 there is no outline"),
    "short runs": (coco(segmentation={"size": [ROWS, COLUMNS], "counts": [1, 2]}), "annotation 5 its run-length code"),
    "a point": (feature({"type": "Point", "coordinates": [1, 2]}), "feature 1 is a Point, not an outline"),
    "no geometry": (feature(None), "feature 1 lacks what its format prescribes"),
}


@pytest.mark.parametrize(("data", "wrong"), WRONG.values(), ids=WRONG)
def test_a_bad_file_is_named_with_its_entry_and_nothing_is_kept(batch, tmp_path, data, wrong):
    good, bad = tmp_path / "AP hip.json", tmp_path / "AP hip.geojson"
    good.write_text(json.dumps(coco()))
    bad.write_text(data if isinstance(data, str) else json.dumps(data))
    with pytest.raises(ReadError, match=r"AP hip\.geojson: ") as raised:
        import_readings(batch, [good, bad], reader="AB")
    assert wrong in str(raised.value)
    assert "Doe" not in str(raised.value)
    assert not (batch / "reviews").exists()


def test_a_reader_reads_a_study_once(batch, tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(coco()))
    import_readings(batch, [tmp_path / "a.json"], reader="AB")
    with pytest.raises(UsageError, match=r"AB has read study 1\.2\.3 already"):
        import_readings(batch, [tmp_path / "a.json"], reader="AB")
    import_readings(batch, [tmp_path / "a.json"], reader="CD")
    with pytest.raises(UsageError, match="no printable name"):
        import_readings(batch, [tmp_path / "a.json"], reader=" ")


def test_what_cannot_be_kept_of_one_study_takes_the_others_back(tmp_path, monkeypatch):
    other = result("1.2.9", images=(image("1.2.9.1", "films/other.dcm"),), findings=())
    keep(tmp_path / "out", result(), other)
    write([result(), other], "coco", tmp_path / "both.json")
    whole = ReviewStore.keep_whole

    def full(self, decisions):
        if decisions[0].study_uid == "1.2.9":
            raise WriteError("no space", path=self.folder)
        return whole(self, decisions)

    with monkeypatch.context() as disk:
        disk.setattr(ReviewStore, "keep_whole", full)
        with pytest.raises(WriteError):
            import_readings(tmp_path / "out", [tmp_path / "both.json"], reader="AB")
    assert not list((tmp_path / "out" / "reviews").rglob("*.jsonl"))
    assert import_readings(tmp_path / "out", [tmp_path / "both.json"], reader="AB").studies == 2


def test_a_name_that_may_be_two_films_is_refused(tmp_path):
    twin = result("1.2.9", images=(image("1.2.9.1", "elsewhere/AP hip.dcm"),), findings=())
    keep(tmp_path / "out", result(), twin)
    (tmp_path / "a.json").write_text(json.dumps(coco()))
    with pytest.raises(ReadError, match=r"AP hip.dcm may be any of 2 films"):
        import_readings(tmp_path / "out", [tmp_path / "a.json"], reader="AB")


def test_only_shapes_of_the_classes_asked_for_count(batch, tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(labelme(label="screw")))
    assert import_readings(batch, [tmp_path / "a.json"], reader="AB", labels=["bone"]).nodules == 1


def test_an_uncompressed_mask_is_outlined_along_its_pixels(batch, tmp_path):
    mask = np.zeros((ROWS, COLUMNS), dtype=int)
    mask[10:25, 20:40] = 1
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *edges, len(flat)]).tolist()
    (tmp_path / "a.json").write_text(json.dumps(coco(segmentation={"size": [ROWS, COLUMNS], "counts": counts})))
    import_readings(batch, [tmp_path / "a.json"], reader="AB")
    (nodule,) = reader_reading(result(), ReviewStore(batch / "reviews").read(STUDY, "AB")).nodules
    assert outline_shape(nodule.outline_xy_px).bounds == (19.5, 9.5, 39.5, 24.5)
    assert nodule.area_px == pytest.approx(300)


@pytest.mark.parametrize("name", ["1.2.840.6", "1.2.840.6.png", "IM.2", "IM"])
def test_the_end_of_a_uid_or_a_number_is_no_suffix(tmp_path, name):
    keep(tmp_path / "out", result(images=(image(path="films/1.2.840.5" if "2" in name[:4] else "films/IM.1"),)))
    (tmp_path / "a.json").write_text(json.dumps(labelme() | {"imagePath": name}))
    with pytest.raises(ReadError, match="is no film of the batch"):
        import_readings(tmp_path / "out", [tmp_path / "a.json"], reader="AB")


@pytest.mark.parametrize("name", ["1.2.840.5", "1.2.840.5.png"])
def test_a_film_named_by_its_uid_is_found_by_it(tmp_path, name):
    keep(tmp_path / "out", result(images=(image(path="films/1.2.840.5.dcm"),)))
    (tmp_path / "a.json").write_text(json.dumps(labelme() | {"imagePath": name}))
    assert import_readings(tmp_path / "out", [tmp_path / "a.json"], reader="AB").films == 1


def test_a_film_that_two_files_outline_is_refused(batch, tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(coco()))
    (tmp_path / "b.json").write_text(json.dumps(labelme()))
    with pytest.raises(ReadError, match=r"b\.json: outlines film AP hip\.png, which a\.json outlines, too"):
        import_readings(batch, [tmp_path], reader="AB")
    assert not (batch / "reviews").exists()


@pytest.mark.parametrize("data", [coco(), labelme(), feature({"type": "Polygon", "coordinates": [[[1, 1], [9, 1]]]})])
def test_a_class_that_no_shape_has_does_not_make_a_film_one_without_bone(batch, tmp_path, data):
    (tmp_path / "AP hip.json").write_text(json.dumps(data))
    with pytest.raises(UsageError, match="no shape is of the class Bone"):
        import_readings(batch, [tmp_path / "AP hip.json"], reader="AB", labels=["Bone"])
    assert not (batch / "reviews").exists()

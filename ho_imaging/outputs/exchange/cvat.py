"""CVAT for images 1.1: all films and nodules in one XML.

Convention of CVAT's canvas: the first pixel reaches from 0 to 1, its centre is at 0.5. A nodule with a hole is a mask:
runs of pixels outside and inside in turn, row by row, in a box given by its first pixel and its size.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from ho_imaging.files.atomic import writing
from ho_imaging.files.path_text import path_text
from ho_imaging.outputs.exchange.shapes import CORNER_ORIGIN, LABEL, Film, Nodule, films_of
from ho_imaging.outputs.registry import Output, Per, Source

__all__ = ["OUTPUT"]


def _write(sources: Iterable[Source], path: Path) -> None:
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    labels = ElementTree.SubElement(ElementTree.SubElement(ElementTree.SubElement(root, "meta"), "task"), "labels")
    label = ElementTree.SubElement(labels, "label")
    ElementTree.SubElement(label, "name").text = LABEL
    attributes = ElementTree.SubElement(label, "attributes")
    for name in ("finding", "side", "confidence"):
        attribute = ElementTree.SubElement(attributes, "attribute")
        for key, text in (("name", name), ("mutable", "False"), ("input_type", "text"), ("default_value", "")):
            ElementTree.SubElement(attribute, key).text = text
        ElementTree.SubElement(attribute, "values")
    number = 0
    for source in sources:
        for film in films_of(source.result):
            _add_film(root, number, film)
            number += 1
    tree = ElementTree.ElementTree(root)
    ElementTree.indent(tree)
    with writing(path) as part:
        tree.write(part, encoding="utf-8", xml_declaration=True)


def _add_film(root: ElementTree.Element, number: int, film: Film) -> None:
    image = film.image
    rows, columns = film.shape
    name = image.sop_instance_uid if image.path is None else path_text(image.path)
    about = {"id": str(number), "name": name, "width": str(columns), "height": str(rows)}
    element = ElementTree.SubElement(root, "image", about)
    for nodule in film.nodules:
        _add_nodule(element, nodule, film.shape)


def _add_nodule(element: ElementTree.Element, nodule: Nodule, shape: tuple[int, int]) -> None:
    polygons = nodule.polygons(CORNER_ORIGIN)
    finding = nodule.finding
    common = {"label": LABEL, "source": "auto", "occluded": "0", "z_order": "0", "group_id": str(nodule.number)}
    if any(polygon.interiors for polygon in polygons):
        shapes = [("mask", _runs(nodule, shape))]
    else:
        shapes = [
            ("polygon", {"points": ";".join(f"{x:.2f},{y:.2f}" for x, y in polygon.exterior.coords[:-1])})
            for polygon in polygons
        ]
    for kind, about in shapes:
        drawn = ElementTree.SubElement(element, kind, common | about)
        values = {"finding": finding.id, "side": str(finding.side), "confidence": f"{finding.confidence:.3f}"}
        for name, value in values.items():
            ElementTree.SubElement(drawn, "attribute", {"name": name}).text = value


def _runs(nodule: Nodule, shape: tuple[int, int]) -> dict[str, str]:
    mask = nodule.mask(shape)
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return {"rle": "0", "left": "0", "top": "0", "width": "0", "height": "0"}
    top, left, bottom, right = rows.min(), columns.min(), rows.max(), columns.max()
    inside = mask[top : bottom + 1, left : right + 1]
    runs = [(value, len(list(run))) for value, run in groupby(inside.ravel().tolist())]
    lengths = [length for _, length in runs]
    lengths = [0, *lengths] if runs[0][0] else lengths  # the first run is outside
    return {
        "rle": ", ".join(map(str, lengths)),
        "left": str(left),
        "top": str(top),
        "width": str(inside.shape[1]),
        "height": str(inside.shape[0]),
    }


OUTPUT = Output(
    name="cvat",
    about="CVAT for images 1.1: all films and nodules in one XML",
    write=_write,
    per=Per.BATCH,
    file="cvat.xml",
)

"""What becomes of a model's findings when films come otherwise than they should: a table of conditions.

    ho-imaging simulate --out STUDIES --count 120 --seed 700000000 --pixel-mm 0.4
    python benchmarks/robustness.py STUDIES --model hip [--films 20] [--sheet PICTURE.png]
    python benchmarks/robustness.py --real FOLDER --labels CSV --model hip [--films 20]

The same films, each with one thing changed that happens between a detector and an archive: another maker's processing,
a wrong window or polarity, noise, compression, pixels that are too large, a turned film, a missing or wrong
pixel spacing. So many films with a clear nodule and so many without any nodule. Prints JSON: for each condition films
refused, sensitivity for clear nodules at the operating threshold, and the share of films without ectopic bone on which
something is outlined.

With ``--real``, the same of real films of hips without ectopic bone of 800 pixels and more, for the conditions of
pictures that travelled: scaled, sharpened, compressed. A film is counted where it is accepted as it is.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pydicom
from cr_film import as_dicom
from degrade import as_jpeg, as_jpeg_2000, as_near_lossless, sharpened
from numpy.typing import NDArray
from real_films import films_labelled

from ho_imaging import Analyzer
from ho_imaging.evaluation.figures import CLEAR_CONTRAST_TO_NOISE, CLEAR_LENGTH_MM
from ho_imaging.evaluation.truth import list_studies, read_truth
from ho_imaging.preparing import probability_to_source
from ho_imaging.reading import read_radiograph
from ho_imaging.vocabulary import Structure

Image = NDArray[np.float32]

LEAST_REAL_PX = 800


class Shown(NamedTuple):
    """A film in [0, 1], bone bright, with its numbered nodules, both (rows, columns); its header says ``told_mm``.

    ``stored``: how it is made a DICOM object; plainly, without compression, unless stated.
    """

    film: Image
    labels: NDArray[np.int32]
    pixel_mm: float
    told_mm: float | None
    stored: Callable[..., pydicom.Dataset] = as_dicom


def _tones(change: Callable[[Image, float], Image]) -> Callable[[Shown], Shown]:
    def changed(shown: Shown) -> Shown:
        film = np.clip(change(shown.film, shown.pixel_mm), 0.0, 1.0)
        return shown._replace(film=np.asarray(film, dtype=np.float32))

    return changed


def _equalised(film: Image, _: float) -> Image:
    return np.asarray(cv2.equalizeHist((film * 255).astype(np.uint8)), dtype=np.float32) / 255


def _tiles(film: Image, _: float) -> Image:
    return cv2.createCLAHE(8.0, (8, 8)).apply((film * 65535).astype(np.uint16)).astype(np.float32) / 65535


def _blur(film: Image, sigma_px: float) -> Image:
    return np.asarray(cv2.GaussianBlur(film, (0, 0), sigma_px), dtype=np.float32)


def _clipped(film: Image, low: float, high: float) -> Image:
    low, high = np.percentile(film, (low, high))
    return np.asarray((film - low) / max(high - low, 1e-3), dtype=np.float32)


def _noisy(film: Image, sigma: float) -> Image:
    grain = np.random.default_rng(0).standard_normal(film.shape, dtype=np.float32)
    return film + np.float32(sigma) * grain


def _jpeg(film: Image, quality: int) -> Image:
    _, data = cv2.imencode(".jpg", (film * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), dtype=np.float32) / 255


def _grid_lines(film: Image, pixel_mm: float) -> Image:
    columns = np.arange(film.shape[1], dtype=np.float32) * np.float32(2 * np.pi * pixel_mm / 2.3)
    return film + np.float32(0.03) * np.sin(columns)[None, :]


def _photographed(film: Image, pixel_mm: float) -> Image:
    """A monitor through a telephone: moire, a reflection, uneven light, JPEG."""
    rows, columns = film.shape
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32) * np.float32(pixel_mm)
    light = 0.85 + 0.15 * x / x.max() - 0.1 * y / y.max()
    moire = 0.015 * np.sin(0.9 * x + 0.3 * y) + 0.015 * np.sin(0.25 * x - 0.8 * y)
    glare = 0.15 * np.exp(-(((x - 0.3 * x.max()) ** 2 + (y - 0.2 * y.max()) ** 2) / (2 * 40.0**2)))
    return _jpeg(np.clip(0.08 + 0.8 * film * light + moire + glare, 0, 1).astype(np.float32), 50)


def _bordered(shown: Shown) -> Shown:
    """White paper about a scanned film."""
    wide = round(20.0 / shown.pixel_mm)
    film = cv2.copyMakeBorder(shown.film, wide, wide, wide, wide, cv2.BORDER_CONSTANT, value=1.0)
    return shown._replace(film=film, labels=np.pad(shown.labels, wide))


def _resized(shown: Shown, pixel_mm: float) -> Shown:
    share = shown.pixel_mm / pixel_mm
    film = cv2.resize(shown.film, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    labels = cv2.resize(shown.labels.astype(np.float32), film.shape[::-1], interpolation=cv2.INTER_NEAREST)
    return Shown(film, labels.astype(np.int32), pixel_mm, pixel_mm)


def _to_px(shown: Shown, longest_px: int) -> Shown:
    """Bring the longer side to so many pixels; a smaller film stays as it is."""
    share = longest_px / max(shown.film.shape)
    if share >= 1.0:
        return shown
    small = _resized(shown, shown.pixel_mm / share)
    return small._replace(told_mm=None if shown.told_mm is None else small.pixel_mm)


def _in_jpeg(shown: Shown, quality: int) -> Shown:
    return shown._replace(stored=lambda film, number, **about: as_jpeg(film, number, quality, **about))


def _turned(shown: Shown, degrees: float) -> Shown:
    rows, columns = shown.film.shape
    turn = cv2.getRotationMatrix2D((columns / 2, rows / 2), degrees, 1.0)
    film = cv2.warpAffine(shown.film, turn, (columns, rows), flags=cv2.INTER_LINEAR)
    labels = cv2.warpAffine(shown.labels.astype(np.float32), turn, (columns, rows), flags=cv2.INTER_NEAREST)
    return shown._replace(film=film, labels=labels.astype(np.int32))


def _quarter(shown: Shown, times: int) -> Shown:
    return shown._replace(
        film=np.ascontiguousarray(np.rot90(shown.film, times)),
        labels=np.ascontiguousarray(np.rot90(shown.labels, times)),
    )


TRAVELLED: dict[str, Callable[[Shown], Shown]] = {
    "to 500 pixels": lambda shown: _to_px(shown, 500),
    "to 300 pixels": lambda shown: _to_px(shown, 300),
    "to 300 pixels, sharpened": lambda shown: _tones(lambda film, _: sharpened(film))(_to_px(shown, 300)),
    "to 300 pixels, JPEG 85": lambda shown: _in_jpeg(_to_px(shown, 300), 85),
    "to 300 pixels, JPEG 60": lambda shown: _in_jpeg(_to_px(shown, 300), 60),
    "to 500 pixels, JPEG 60": lambda shown: _in_jpeg(_to_px(shown, 500), 60),
    "JPEG 30": lambda shown: _in_jpeg(shown, 30),
    "JPEG 2000, 20 to 1": lambda shown: shown._replace(
        stored=lambda film, number, **about: as_jpeg_2000(film, number, 20.0, **about)
    ),
    "JPEG-LS, 16 of 4,096 off": lambda shown: shown._replace(
        stored=lambda film, number, **about: as_near_lossless(film, number, 16, **about)
    ),
}
"""What happens to pictures on their way through viewers, mails and pages."""

CONDITIONS: dict[str, Callable[[Shown], Shown]] = {
    "as it is": lambda shown: shown,
    **TRAVELLED,
    "gamma 0.5": _tones(lambda film, _: np.sqrt(film)),
    "gamma 2": _tones(lambda film, _: film**2),
    "histogram equalised": _tones(_equalised),
    "equalised in tiles": _tones(_tiles),
    "sharpened, 2 mm, four times": _tones(lambda film, mm: film + 3 * (film - _blur(film, 2.0 / mm))),
    "sharpened, 0.5 mm, four times": _tones(lambda film, mm: film + 3 * (film - _blur(film, 0.5 / mm))),
    "flattened over 20 mm": _tones(lambda film, mm: 0.5 + 1.5 * (film - _blur(film, 20.0 / mm))),
    "window without the darkest and brightest fifth": _tones(lambda film, _: _clipped(film, 20, 80)),
    "window without the brightest third": _tones(lambda film, _: _clipped(film, 1, 67)),
    "window three times too wide": _tones(lambda film, _: 0.33 + film / 3),
    "white for black, and the header does not say so": _tones(lambda film, _: 1 - film),
    "noise, 0.05": _tones(lambda film, _: _noisy(film, 0.05)),
    "noise, 0.1": _tones(lambda film, _: _noisy(film, 0.1)),
    "blurred, 1 mm": _tones(lambda film, mm: _blur(film, 1.0 / mm)),
    "JPEG, quality 15": _tones(lambda film, _: _jpeg(film, 15)),
    "32 steps of grey": _tones(lambda film, _: np.floor(film * 31.99) / 31),
    "lines of a grid": _tones(_grid_lines),
    "photographed from a monitor": _tones(_photographed),
    "pixels of 1 mm": lambda shown: _resized(shown, 1.0),
    "pixels of 1.5 mm": lambda shown: _resized(shown, 1.5),
    "white border": _bordered,
    "turned by 20 degrees": lambda shown: _turned(shown, 20),
    "turned by a quarter": lambda shown: _quarter(shown, 1),
    "upside down": lambda shown: _quarter(shown, 2),
    "no pixel spacing": lambda shown: shown._replace(told_mm=None),
    "pixel spacing 1.4 times too large": lambda shown: shown._replace(told_mm=1.4 * shown.pixel_mm),
    "pixel spacing 1.4 times too small": lambda shown: shown._replace(told_mm=shown.pixel_mm / 1.4),
}


def choose(folder: Path, count: int) -> tuple[list[Shown], list[Shown]]:
    """Read so many AP films with a clear nodule, their other nodules left out, and so many without any."""
    clear: list[Shown] = []
    without: list[Shown] = []
    for study in list_studies(folder):
        truth = read_truth(study)
        if truth.about["view"] != "ap":
            continue
        numbers = [number for number, nodule in enumerate(truth.about_nodules, start=1) if is_clear(nodule)]
        group = clear if numbers else without
        if (numbers or not truth.about_nodules) and len(group) < count:
            film = read_radiograph(truth.film).pixels
            labels = np.where(np.isin(truth.nodules, numbers), truth.nodules, 0).astype(np.int32)
            group.append(Shown(film, labels, float(truth.about["pixel_mm"]), float(truth.about["pixel_mm"])))
        if len(clear) == len(without) == count:
            break
    return clear, without


def is_clear(nodule: Mapping[str, Any]) -> bool:
    """Whether a reader would surely see it."""
    ratio, length_mm = nodule["contrast_to_noise"], nodule["long_axis_mm"]
    return (ratio or 0.0) >= CLEAR_CONTRAST_TO_NOISE and (length_mm or 0.0) >= CLEAR_LENGTH_MM


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="simulated studies")
    parser.add_argument("--real", type=Path, help="folder of real films, in place of simulated studies")
    parser.add_argument("--labels", type=Path, help="table of the real films")
    parser.add_argument("--model", default="default")
    parser.add_argument("--films", type=int, default=20, help="films with and films without ectopic bone")
    parser.add_argument("--sheet", type=Path, help="write a picture of one film in every condition, with what is found")
    options = parser.parse_args()
    analyzer = Analyzer(options.model)
    if options.real is not None:
        if options.labels is None:
            parser.error("--real takes --labels")
        sys.stdout.write(
            json.dumps(of_real_films(analyzer, options.real, options.labels, options.films), indent=2) + "\n"
        )
        return
    if options.folder is None:
        parser.error("give a folder of simulated studies, or --real and --labels")
    clear, without = choose(options.folder, options.films)
    report: dict[str, dict[str, float | int | None]] = {}
    tiles: list[NDArray[np.uint8]] = []
    for name, change in CONDITIONS.items():
        refused, hits, outlined = 0, [], []
        for number, shown in enumerate(clear + without):
            changed = change(shown)
            analysis = analyzer.analyze_films(
                [changed.stored(changed.film, number, body_part="HIP", pixel_mm=changed.told_mm)]
            )
            film = next(iter(analysis.films.values()), None)
            if film is None:
                refused += 1
                hits += [False] * len(_numbers(shown))
                continue
            prediction = film.prediction
            probability = probability_to_source(prediction.probabilities[Structure.HO], prediction.prepared.grid)
            threshold = prediction.thresholds[Structure.HO]
            hits += [bool(probability[changed.labels == label].max() >= threshold) for label in _numbers(changed)]
            if number >= len(clear):
                outlined.append(bool(analysis.result.findings))
            if number == 0:
                tiles.append(_tile(changed, probability >= threshold, name))
        report[name] = {
            "refused": refused,
            "sensitivity_clear": round(float(np.mean(hits)), 3) if hits else None,
            "films_without_bone_outlined": round(float(np.mean(outlined)), 3) if outlined else None,
        }
        sys.stderr.write(f"{name}: {report[name]}\n")
    if options.sheet is not None:
        rows = [np.hstack(tiles[start : start + 7]) for start in range(0, len(tiles) - 6, 7)]
        cv2.imwrite(str(options.sheet), np.vstack(rows))
    nodules = sum(len(_numbers(shown)) for shown in clear)
    identity = analyzer.model.identity
    about = {
        "model": f"{identity.name} {identity.version}",
        "films": len(clear) + len(without),
        "clear_nodules": nodules,
    }
    sys.stdout.write(json.dumps(about | {"conditions": report}, indent=2) + "\n")


def of_real_films(analyzer: Analyzer, folder: Path, labels: Path, count: int) -> dict[str, Any]:
    """Count real films without ectopic bone on which something is outlined, under each condition of travel."""
    films: list[Shown] = []
    outlined_as_it_is = 0
    for path in films_labelled(folder, labels, least_px=LEAST_REAL_PX):
        if len(films) == count:
            break
        result = analyzer.analyze_films([path]).result
        spacing = result.images[0].measured_spacing_mm
        if str(result.status) != "done" or spacing is None:
            continue
        film = read_radiograph(path).pixels
        films.append(Shown(film, np.zeros(film.shape, dtype=np.int32), float(spacing[1]), None))
        outlined_as_it_is += bool(result.findings)
    rows = {"as it is": {"outlined": outlined_as_it_is, "possible": 0, "of": len(films), "refused": 0}}
    for name, change in TRAVELLED.items():
        outlined, possible, refused = 0, 0, 0
        for number, shown in enumerate(films):
            changed = change(shown)
            dataset = changed.stored(changed.film, number, body_part=None, pixel_mm=None)
            result = analyzer.analyze_films([dataset]).result
            refused += str(result.status) != "done"
            outlined += bool(result.findings)
            possible += bool(result.possible_findings)
        rows[name] = {"outlined": outlined, "possible": possible, "of": len(films) - refused, "refused": refused}
        sys.stderr.write(f"{name}: {rows[name]}\n")
    identity = analyzer.model.identity
    return {"model": f"{identity.name} {identity.version}", "films": len(films), "conditions": rows}


def _numbers(shown: Shown) -> list[int]:
    return [int(label) for label in np.unique(shown.labels) if label > 0]


def _tile(shown: Shown, found: NDArray[np.bool_], name: str) -> NDArray[np.uint8]:
    """A film with its clear nodules (green) and what is found (red), 360 px a side."""
    picture = cv2.cvtColor((shown.film * 255).astype(np.uint8), cv2.COLOR_GRAY2BGR)
    for mask, colour in ((shown.labels > 0, (0, 255, 0)), (found, (0, 0, 255))):
        contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, contours, -1, colour, 2)
    share = 360 / max(picture.shape[:2])
    small = cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    tile = np.zeros((360, 360, 3), dtype=np.uint8)
    tile[: small.shape[0], : small.shape[1]] = small[:360, :360]
    cv2.putText(tile, name[:44], (4, 352), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 255, 255), 1, cv2.LINE_AA)
    return tile


if __name__ == "__main__":
    main()

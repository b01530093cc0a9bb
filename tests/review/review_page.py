"""A browser, and films and results that are made up, for tests of the viewer and benchmarks."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from ho_imaging.results.schema import FindingResult, ImageResult, StudyResult


def open_browser(profile: Path, size: tuple[int, int] = (1500, 950)) -> Any:
    """A headless Chromium, or ``None`` where none is installed."""
    if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
        return None
    from selenium import webdriver  # noqa: PLC0415

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
        f"--window-size={size[0]},{size[1]}", f"--user-data-dir={profile}",
    ):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(
        options=options, service=webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    )


def ring(center: tuple[float, float], radius: float, points: int = 80) -> tuple[tuple[float, float], ...]:
    """A circle as (x, y) points."""
    angles = np.linspace(0.0, 2.0 * np.pi, points, endpoint=False)
    return tuple((center[0] + radius * np.cos(a), center[1] + radius * np.sin(a)) for a in angles)


def write_film(path: Path, rows: int, columns: int, seed: int = 0) -> np.ndarray:
    """A 16-bit picture of two bright shafts in soft noise, bone bright; uint16 (rows, columns)."""
    import cv2  # noqa: PLC0415

    rng = np.random.default_rng(seed)
    y, x = np.indices((rows, columns), dtype=np.float32) / np.float32([rows])[:, None, None]
    tone = 9000 + 6000 * np.cos(3.0 * (x - 0.4)) + 3000 * y
    for middle in (0.25, 0.6):
        tone += 22000 * np.exp(-(((x - middle - 0.05 * y) / 0.05) ** 2))
    pixels = np.clip(tone + rng.normal(0.0, 500.0, (rows, columns)), 0, 65535).astype(np.uint16)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels)
    return pixels


def make_result(
    study_uid: str,
    films: dict[str, tuple[Path, int, int]],
    nodules: dict[str, list[tuple[tuple[float, float], float]]],
    *,
    spacing_mm: tuple[float, float] | None = (0.2, 0.2),
) -> StudyResult:
    """A result with round nodules (centre (row, column), radius) on films {uid: (path, rows, columns)}.

    The left side has Brooker II with a gap of 15 mm, the right side 0.
    """
    images = tuple(
        ImageResult(
            sop_instance_uid=uid, path=str(path), status="done", rows=rows, columns=columns, region="pelvis",
            view="ap", laterality="bilateral", spacing_mm=spacing_mm,
            spacing_basis="none" if spacing_mm is None else "calibrated", measured_spacing_mm=spacing_mm,
            measured_basis="none" if spacing_mm is None else "calibrated", sides=("right", "left"),
            sides_meet_x_px=0.0,  # every nodule lies on the left
        )
        for uid, (path, rows, columns) in films.items()
    )  # fmt: skip
    findings = []
    mm = None if spacing_mm is None else spacing_mm[0]
    for uid, placed in nodules.items():
        for center, radius in placed:
            (y, x), area = center, np.pi * radius**2
            findings.append(
                FindingResult(
                    id=f"F{len(findings) + 1}", sop_instance_uid=uid, side="left", confidence=0.91,
                    mean_probability=0.8, area_px=area, area_mm2=None if mm is None else area * mm**2,
                    long_axis_px=2 * radius, long_axis_mm=None if mm is None else 2 * radius * mm,
                    short_axis_px=2 * radius, short_axis_mm=None if mm is None else 2 * radius * mm,
                    long_axis_ends_xy_px=((x - radius, y), (x + radius, y)),
                    short_axis_ends_xy_px=((x, y - radius), (x, y + radius)),
                    centroid_xy_px=(x, y), contours_xy_px=(ring((x, y), radius),),
                    density_ratio=None, nearest_bone="femur",
                    distance_to_bone_mm=None, distance_to_joint_mm=None, distance_to_joint_radii=None,
                    periarticular=None, joined_to=("femur",),
                )
            )  # fmt: skip
    first = images[0]
    gap = ((0.6 * first.columns, 0.4 * first.rows), (0.6 * first.columns + 75.0, 0.4 * first.rows))
    empty = {"finding_ids": (), "joined_to": {"pelvis": (), "femur": ()}, "spacing_basis": "calibrated"}
    evidence = {
        "right": empty | {"sop_instance_uid": first.sop_instance_uid, "statement": {"code": "no_ectopic_bone"},
                          "gap_px": None, "gap_mm": None, "gap_ends_xy_px": None},
        "left": empty | {"sop_instance_uid": first.sop_instance_uid,
                         "statement": {"code": "gap_wide", "parameters": {"gap_mm": 15.0}},
                         "gap_px": 75.0, "gap_mm": 15.0, "gap_ends_xy_px": gap},
    }  # fmt: skip
    sides = [
        {
            "side": side, "system": "brooker", "grade": grade, "alternatives": (), "score": score, "category": word,
            "probabilities": {grade: 0.8}, "evidence": evidence[side],
        }
        for side, grade, score, word in (("right", "0", 0.0, "none"), ("left", "II", 30.0, "moderate"))
    ]  # fmt: skip
    return StudyResult.model_validate(
        {
            "study_uid": study_uid, "status": "done", "images": images, "findings": tuple(findings),
            "severity": {"sides": sides, "study": {"grade": "II", "system": "brooker", "score": 30.0,
                                                   "category": "moderate"}},
            "model": {"name": "test", "version": "1", "sha256": "a" * 64},
            "software": {"name": "ho_imaging", "version": "0"},
        }
    )  # fmt: skip


def write_batch(out: Path, result: StudyResult) -> Path:
    """Lay a result down as a batch does; gives the output folder."""
    folder = out / "studies" / result.study_uid
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "result.json").write_text(result.to_json())
    return out

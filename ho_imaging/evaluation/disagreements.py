"""Disagreements of the program with the labels, film by film, the surest error first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ho_imaging.evaluation.grades import TITLES
from ho_imaging.evaluation.labels import HO
from ho_imaging.evaluation.outcomes import FilmOutcome
from ho_imaging.network.calibration import Calibration, recalibrate
from ho_imaging.vocabulary import Side

__all__ = ["Disagreement", "disagreements"]


@dataclass(frozen=True)
class Disagreement:
    """A film on which program and label differ.

    ``what``: each difference in words. ``error``: how sure the program is of the surest of them, 0 to 1.
    """

    film: FilmOutcome
    what: tuple[str, ...]
    error: float


def disagreements(films: Sequence[FilmOutcome], confidence: Calibration) -> list[Disagreement]:
    """Return the accepted films on which program and label differ.

    The program is as sure of an outline as its confidence says, and of none as far as it falls short of 1.
    """
    found = []
    for film in films:
        if not film.accepted:
            continue
        errors = sorted(_errors(film, confidence), key=lambda item: -item[1])
        if errors:
            found.append(Disagreement(film, tuple(dict.fromkeys(what for what, _ in errors)), errors[0][1]))
    return sorted(found, key=lambda item: (-item.error, item.film.name))


def _errors(film: FilmOutcome, confidence: Calibration) -> Iterator[tuple[str, float]]:
    sure = recalibrate(film.score or 0.0, confidence)
    if film.ho is HO.NO and film.outlines:
        yield "outlined, labelled no", sure
    elif film.ho is HO.YES and not film.outlines:
        yield "not outlined, labelled yes", 1.0 - sure
    elif film.ho is HO.YES and film.boxes and not film.boxes_hit:
        yield "outlined, but outside every box", film.confidence
    elif film.ho is HO.YES and film.boxes_hit < len(film.boxes):
        yield f"{film.boxes_hit} of {len(film.boxes)} boxes hit", 1.0 - sure
    # One labelled side is the film, and its error the film's.
    for side, ho in film.label.sides.items() if len(film.label.sides) > 1 or film.ho is None else ():
        here = [outline for outline in film.outlines if outline.side in {side, Side.UNKNOWN}]
        score = (film.side_scores or {}).get(side, 0.0)
        if ho is HO.NO and here:
            yield f"{side} side outlined, labelled no", max(outline.confidence for outline in here)
        elif ho is HO.YES and not here:
            yield f"{side} side not outlined, labelled yes", 1.0 - recalibrate(score, confidence)
    for pair in film.grades:
        if pair.found is not None and pair.found != pair.label:
            where = "" if pair.side is None else f"{pair.side} side: "
            yield f"{where}{TITLES[pair.system]} {pair.found}, labelled {pair.label}", pair.probability or 0.0

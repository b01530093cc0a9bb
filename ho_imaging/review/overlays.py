"""Overlays of a film: outlines of bones and implants, and the probability map of ectopic bone."""

from __future__ import annotations

import cv2

from ho_imaging.errors import UsageError
from ho_imaging.outputs.probability_map import ho_probability_8bit
from ho_imaging.pipeline import Analyzer
from ho_imaging.reading.radiograph import Radiograph
from ho_imaging.results.analysis import FilmAnalysis
from ho_imaging.results.bone_outlines import bone_outlines
from ho_imaging.results.folder import StudyFolder
from ho_imaging.results.kept_bones import kept_bones
from ho_imaging.review.inputs import ReviewInput

__all__ = ["Overlays"]

Rings = list[list[tuple[float, float]]]

_LONGEST_MAP_PX = 1536
_MOST_PNG_BYTES = 64 << 20


class Overlays:
    """Overlays of a study's films, by SOP Instance UID; a film is analysed again where the analysis was not kept."""

    def __init__(self, study: ReviewInput) -> None:
        self._study = study
        self._again: dict[str, FilmAnalysis] = {}

    def anatomy(self, uid: str) -> dict[str, Rings]:
        """Return outlines of the region's bones and of implants as rings of (x, y) in source pixels, bones first.

        Raises
        ------
        UsageError
            If the model that made the result is not at hand.
        ReadError
            If the film has moved.

        """
        study = self._study
        bones = kept_bones(study.result, uid, analysis=study.analysis, folder=study.folder)
        if bones is None:
            film = self._film(uid)
            bones = bone_outlines(film.reading, film.prediction.model.sha256)
        return {structure: [list(ring) for ring in rings] for structure, rings in bones.drawn.items()}

    def probability_png(self, uid: str) -> bytes:
        """Return the map of ectopic bone over the whole film as a grey PNG, 255 being certain; it may be smaller.

        Raises
        ------
        UsageError, ReadError
            As for `anatomy`.

        """
        if self._study.folder is not None:
            written = StudyFolder(self._study.folder).probability(uid)
            if written.is_file() and written.stat().st_size <= _MOST_PNG_BYTES:
                return written.read_bytes()
        whole = ho_probability_8bit(self._film(uid).prediction)
        scale = min(1.0, _LONGEST_MAP_PX / max(whole.shape))
        size = (max(1, round(whole.shape[1] * scale)), max(1, round(whole.shape[0] * scale)))
        encoded: bytes = cv2.imencode(".png", cv2.resize(whole, size, interpolation=cv2.INTER_AREA))[1].tobytes()
        return encoded

    def _film(self, uid: str) -> FilmAnalysis:
        analysis = self._study.analysis
        if analysis is not None and uid in analysis.films:
            return analysis.films[uid]
        if uid not in self._again:
            self._again[uid] = self._analyzed(uid)
        return self._again[uid]

    def _analyzed(self, uid: str) -> FilmAnalysis:
        """Analyse a film again, with what the caller said of it then."""
        image = next(image for image in self._study.images if image.sop_instance_uid == uid)
        analyzer = Analyzer(**image.callers_word())
        made_by = self._study.result.model
        # A site file moves the operating threshold; bones and the map of ectopic bone are the same without it.
        if made_by is None or analyzer.model.identity.sha256 != made_by.sha256:
            raise UsageError(
                "bones and maps were not kept with this result, and the model that made it is not the one installed",
                remedy="analyse the study again",
            )
        place = self._study.films.locate(uid)
        if isinstance(place, Radiograph):
            raise UsageError(
                "bones and maps were not kept with this result", remedy="give the analysis, not its result"
            )
        films = analyzer.analyze_films([place]).films
        if uid not in films:
            raise UsageError("the film was not analysed again", remedy="analyse the study again")
        return films[uid]

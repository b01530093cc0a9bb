"""Agreement of readers with each other and with the model: grades, outlines, measures, time.

Cohen's kappa (Cohen 1960) and its quadratic weighting (Cohen 1968) on the grades of sides; the Dice coefficient on
outlines; bias and limits of agreement (Bland and Altman, Lancet 1986) on area, long axis and burden. Intervals are
95 %: percentiles over resampled studies (bootstrap) for kappa and Dice, since the two sides of a patient belong
together, and those of the 1986 paper for bias and limits.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ho_imaging.errors import UsageError
from ho_imaging.extras import missing_extra
from ho_imaging.files.given_path import given_path
from ho_imaging.readings.compare import outline_dice
from ho_imaging.readings.readings import MODEL, Reading, model_reading, reader_reading
from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.results.folder import OutputFolder, batch_results
from ho_imaging.severity.systems import grade_orders
from ho_imaging.statistics.agreement import kappa, quadratic_kappa
from ho_imaging.statistics.intervals import Interval, bootstrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "Agreement",
    "BlandAltman",
    "Summary",
    "agreement",
    "agreements",
    "bland_altman",
    "committed_readings",
    "plot_bland_altman",
]

logger = logging.getLogger(__name__)

Pair = tuple[Reading, Reading]

MEASURES: Mapping[str, Callable[[Reading], float | None]] = {
    "area_mm2": lambda reading: reading.area_mm2,
    "long_axis_mm": lambda reading: reading.long_axis_mm,
    "burden": lambda reading: reading.burden,
}
"""Measures in which two readings of a study are compared, by name."""


@dataclass(frozen=True)
class BlandAltman:
    """Differences, first minus second, against means, one of each study, and what they come to.

    ``low`` and ``high``: the limits of agreement, bias less and plus 1.96 standard deviations. The intervals hold the
    true bias and limits in 95 % of samples (Student's t; the standard error of a limit is the root of 3 / n standard
    deviations). NaN with fewer than two studies.
    """

    differences: tuple[float, ...] = field(repr=False)
    means: tuple[float, ...] = field(repr=False)
    bias: float
    low: float
    high: float
    bias_interval: tuple[float, float]
    low_interval: tuple[float, float]
    high_interval: tuple[float, float]

    @property
    def studies(self) -> int:
        """Number of studies compared."""
        return len(self.differences)


@dataclass(frozen=True)
class Summary:
    """Median and quartiles of some values; NaN without any."""

    count: int
    median: float
    lower_quartile: float
    upper_quartile: float


@dataclass(frozen=True)
class Agreement:
    """Agreement of two readers on the studies that both have read.

    Parameters
    ----------
    first, second
        Names of the readers.
    studies, sides
        How many studies both have read, and how many of their sides both have graded.
    not_graded
        Sides that either left without a grade.
    table
        Counts of sides by the first's (row) and the second's (column) grade.
    grades
        The grades of the rows and columns, from none to worst.
    same_grade
        Share of sides with the same grade, 0 to 1.
    kappa, kappa_quadratic
        Cohen's kappa, plain and with quadratic weights, with its interval.
    dice
        Median Dice coefficient over the studies on which either outlined anything, with its interval.
    dice_studies
        How many these are.
    measures
        Bland-Altman analysis of each measure, by its name.
    seconds
        Time per study of each reader.

    """

    first: str
    second: str
    studies: int
    sides: int
    not_graded: int
    table: tuple[tuple[int, ...], ...]
    grades: tuple[str, ...]
    same_grade: float
    kappa: Interval
    kappa_quadratic: Interval
    dice: Interval
    dice_studies: int
    measures: Mapping[str, BlandAltman]
    seconds: tuple[Summary, Summary]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able data, with ``None`` for NaN and without the single differences."""
        found = asdict(self)
        for values in found["measures"].values():
            values["studies"] = len(values.pop("differences"))
            del values["means"]
        return dict(_plain(found))

    def __repr__(self) -> str:
        kappa = f"kappa={self.kappa.value:.2f}, kappa_quadratic={self.kappa_quadratic.value:.2f}"
        return f"Agreement({self.first!r}, {self.second!r}, studies={self.studies}, sides={self.sides}, {kappa})"

    def _repr_html_(self) -> str:
        return _as_html(self)


def bland_altman(first: Sequence[float], second: Sequence[float]) -> BlandAltman:
    """Compare two series of measures of the same studies, first minus second (Bland and Altman 1986)."""
    from scipy.stats import t as student  # noqa: PLC0415  (loads when it is used)

    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.shape != other.shape or one.ndim != 1:
        raise UsageError(f"{one.shape} and {other.shape} values are not pairs", remedy="give two series of one length")
    differences = one - other
    n = len(differences)
    nan = (math.nan, math.nan)
    bias = float(differences.mean()) if n else math.nan
    values = (tuple(differences.tolist()), tuple(((one + other) / 2).tolist()))
    if n < 2:
        return BlandAltman(*values, bias, math.nan, math.nan, nan, nan, nan)
    deviation = float(differences.std(ddof=1))
    quantile = float(student.ppf(0.975, n - 1))
    of_bias, of_limit = (quantile * deviation * math.sqrt(share / n) for share in (1.0, 3.0))
    low, high = bias - 1.96 * deviation, bias + 1.96 * deviation
    return BlandAltman(
        *values,
        bias,
        low,
        high,
        (bias - of_bias, bias + of_bias),
        (low - of_limit, low + of_limit),
        (high - of_limit, high + of_limit),
    )


def plot_bland_altman(compared: BlandAltman, *, title: str = "", unit: str = "", ax: Axes | None = None) -> Axes:
    """Draw differences against means, bias and limits of agreement, their intervals at the left; needs matplotlib."""
    if ax is None:
        try:
            import matplotlib.pyplot as plt  # noqa: PLC0415  (an extra)
        except ImportError as error:
            raise missing_extra(error, "evaluate", "a Bland-Altman plot") from error

        _, ax = plt.subplots(figsize=(6.0, 4.0), constrained_layout=True)
    ax.scatter(compared.means, compared.differences, s=18, color="#1f77b4", alpha=0.8)
    lines = (
        ("bias", compared.bias, compared.bias_interval, "-"),
        ("lower limit", compared.low, compared.low_interval, "--"),
        ("upper limit", compared.high, compared.high_interval, "--"),
    )
    for name, value, interval, style in lines:
        if math.isfinite(value):
            ax.axhline(value, color="#444444", linestyle=style, linewidth=1.0)
            ax.annotate(
                f"{name} {value:.3g}", (0.995, value), xycoords=("axes fraction", "data"), ha="right", va="bottom"
            )
        if all(map(math.isfinite, interval)):
            # Beside the points: as bands the three would cover each other with few studies.
            beside = ax.get_yaxis_transform()
            ax.plot([0.012, 0.012], interval, color="#b35900", marker="_", linewidth=1.2, transform=beside)
    ax.set(title=title, xlabel=f"mean of both{f' ({unit})' if unit else ''}", ylabel="first minus second")
    return ax


def committed_readings(
    folder: str | PathLike[str], *, store: str | PathLike[str] | None = None
) -> dict[str, dict[str, Reading]]:
    """Return the committed readings of a batch's output folder by reader, then by study UID; `MODEL` is the model.

    Of a blinded reading only what was decided before the model's result was shown counts. A reading that was committed
    for another result than the present one is left out and logged.
    """
    place = given_path(folder, "the --out of ho-imaging analyze")
    kept = ReviewStore(Path(store) if store is not None else OutputFolder(place).reviews)
    found: dict[str, dict[str, Reading]] = {}
    known: set[str] = set()
    for _, result in batch_results(place):
        known.add(result.study_uid)
        for name in kept.readers(result.study_uid):
            reading = reader_reading(result, kept.read(result.study_uid, name))
            if reading.committed:
                found.setdefault(name, {})[result.study_uid] = reading
                found.setdefault(MODEL, {})[result.study_uid] = model_reading(result)
            elif reading.committed_at is not None:
                logger.warning(
                    "study %s: the reading of %s is left out: it was analysed again since", result.study_uid, name
                )
    kept.warn_of_others(known)
    return found


def agreements(
    folder: str | PathLike[str], *, store: str | PathLike[str] | None = None, seed: int = 0
) -> list[Agreement]:
    """Compare every two readers of a batch's output folder, and each with the model, on the studies both have read.

    Hips and residual limbs have grades of different systems, which no one table holds: studies of each are compared
    apart, `Agreement.grades` says which they are.

    Parameters
    ----------
    folder
        The batch's output folder.
    store
        Folder of the decisions; by default the batch's own.
    seed
        Of the resampling of intervals.

    Returns
    -------
    list of Agreement
        One a pair of readers and grading system, readers in the order of their names, the model last.

    Raises
    ------
    UsageError
        If the folder holds no results.
    ReadError
        If a result or a decision cannot be read.

    """
    readings = committed_readings(folder, store=store)
    names = sorted(readings.keys() - {MODEL})
    found = []
    for first, second in [*combinations(names, 2), *((name, MODEL) for name in names)]:
        shared = sorted(readings[first].keys() & readings[second].keys())
        pairs = [(readings[first][uid], readings[second][uid]) for uid in shared]
        for order in grade_orders():
            of_order = [pair for pair in pairs if _order_of(pair) == order]
            if of_order:
                found.append(agreement(of_order, grades=order, seed=seed))
    return found


def _order_of(pair: Pair) -> tuple[str, ...]:
    """Return the grades that a study was given some of; those of hips where neither gave any."""
    given = {grade for reading in pair for grade in reading.grades.values()} - {None}
    orders = grade_orders()
    return next((order for order in orders if given & set(order)), orders[0])


def agreement(pairs: Sequence[Pair], *, grades: Sequence[str] | None = None, seed: int = 0) -> Agreement:
    """Compare two readers by their readings of the same studies.

    Parameters
    ----------
    pairs
        The first's and the second's reading of each study.
    grades
        Classes in their order, those of hips by default; sides graded by another system are left out.
    seed
        Of the resampling.

    Raises
    ------
    UsageError
        Without pairs, or if a pair is of two studies.

    """
    if not pairs or any(one.study_uid != other.study_uid for one, other in pairs):
        raise UsageError("needs pairs of readings, each of one study", remedy="pair readings by their study UID")
    grades = grade_orders()[0] if grades is None else grades
    table = _table(pairs, grades)
    graded = [(one.grades.get(side), other.grades.get(side)) for one, other in pairs for side in _sides(one, other)]
    overlaps = [(pair, outline_dice(*pair)) for pair in pairs]
    outlined = [(pair, value) for pair, value in overlaps if value is not None]
    total = int(table.sum())
    return Agreement(
        first=pairs[0][0].reader,
        second=pairs[0][1].reader,
        studies=len(pairs),
        sides=total,
        not_graded=sum(None in found for found in graded),
        table=tuple(tuple(int(count) for count in row) for row in table),
        grades=tuple(grades),
        same_grade=float(np.trace(table)) / total if total else math.nan,
        kappa=bootstrap([_table([pair], grades) for pair in pairs], lambda found: kappa(_added(found)), seed=seed),
        kappa_quadratic=bootstrap(
            [_table([pair], grades) for pair in pairs], lambda found: quadratic_kappa(_added(found)), seed=seed
        ),
        dice=bootstrap([value for _, value in outlined], lambda found: float(np.median(found)), seed=seed),
        dice_studies=len(outlined),
        measures={name: _measured(pairs, of) for name, of in MEASURES.items()},
        seconds=(_summary(one.seconds for one, _ in pairs), _summary(other.seconds for _, other in pairs)),
    )


def _added(tables: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Add tables of counts."""
    return np.asarray(np.sum(tables, axis=0), dtype=np.int64)


def _sides(one: Reading, other: Reading) -> list[str]:
    return list(dict.fromkeys([*one.grades, *other.grades]))


def _table(pairs: Sequence[Pair], grades: Sequence[str]) -> NDArray[np.int64]:
    place = {grade: number for number, grade in enumerate(grades)}
    table = np.zeros((len(grades), len(grades)), dtype=np.int64)
    for one, other in pairs:
        for side in _sides(one, other):
            row, column = (place.get(reading.grades.get(side) or "") for reading in (one, other))
            if row is not None and column is not None:
                table[row, column] += 1
    return table


def _measured(pairs: Sequence[Pair], of: Callable[[Reading], float | None]) -> BlandAltman:
    values = [(of(one), of(other)) for one, other in pairs]
    known = [(a, b) for a, b in values if a is not None and b is not None]
    return bland_altman([a for a, _ in known], [b for _, b in known])


def _summary(values: Iterable[float]) -> Summary:
    known = [value for value in values if value > 0.0]
    if not known:
        return Summary(0, math.nan, math.nan, math.nan)
    lower, median, upper = np.percentile(known, [25.0, 50.0, 75.0])
    return Summary(len(known), float(median), float(lower), float(upper))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value


def _as_html(found: Agreement) -> str:
    import html  # noqa: PLC0415  (only in notebooks)

    def interval(value: Interval) -> str:
        return f"{value.value:.2f} ({value.low:.2f} to {value.high:.2f})"

    def limits(value: BlandAltman) -> str:
        return f"{value.bias:+.1f} ({value.low:+.1f} to {value.high:+.1f}), {value.studies} studies"

    rows = [
        ("studies, graded sides, not graded", f"{found.studies}, {found.sides}, {found.not_graded}"),
        (
            f"same grade ({', '.join(found.grades)})",
            f"{found.same_grade:.0%}" if math.isfinite(found.same_grade) else "-",
        ),
        ("Cohen's kappa", interval(found.kappa)),
        ("quadratic-weighted kappa", interval(found.kappa_quadratic)),
        (f"Dice of outlines, median of {found.dice_studies}", interval(found.dice)),
        *((f"{name}: bias (limits of agreement)", limits(value)) for name, value in found.measures.items()),
        *(
            (
                f"seconds a study, {name}",
                f"{value.median:.0f} ({value.lower_quartile:.0f} to {value.upper_quartile:.0f})",
            )
            for name, value in zip((found.first, found.second), found.seconds, strict=True)
            if value.count
        ),
    ]
    title = html.escape(f"{found.first} and {found.second}")
    body = "".join(f"<tr><td>{html.escape(name)}</td><td>{html.escape(value)}</td></tr>" for name, value in rows)
    return f"<table><caption><b>{title}</b></caption>{body}</table>"

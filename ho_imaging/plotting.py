"""Plots as PNG, drawn without a display. The optional matplotlib is imported only when a plot is drawn."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from ho_imaging.extras import missing_extra

__all__ = ["new_axes", "to_png"]


def new_axes(size_in: tuple[float, float], dpi: int) -> tuple[Any, Any]:
    """Return a new figure and its axes.

    Parameters
    ----------
    size_in
        Width and height in inches.
    dpi
        Dots per inch.

    Returns
    -------
    figure, axes
        Of matplotlib.

    Raises
    ------
    UsageError
        If matplotlib is not installed.

    """
    try:
        import matplotlib as mpl  # noqa: PLC0415  (optional, and slow to import)

        mpl.use("Agg")
        from matplotlib import pyplot  # noqa: PLC0415
    except ImportError as error:
        raise missing_extra(error, "evaluate", "a plot") from error
    return pyplot.subplots(figsize=size_in, dpi=dpi, layout="constrained")


def to_png(figure: Any) -> bytes:
    """Return a figure as PNG and close it; equal figures give equal bytes.

    Parameters
    ----------
    figure
        A figure of `new_axes`.

    Returns
    -------
    bytes
        The PNG file.

    """
    from matplotlib import pyplot  # noqa: PLC0415

    stream = BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    pyplot.close(figure)
    return stream.getvalue()

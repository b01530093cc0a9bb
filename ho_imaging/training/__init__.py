"""Training of networks on simulated cases and reviewed radiographs.

`train` imports torch when it is first used, not when the package is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ho_imaging.training.loop import train

__all__ = ["train"]


def __getattr__(name: str) -> object:
    if name == "train":
        from ho_imaging.training.loop import train  # noqa: PLC0415  # torch loads only when it is needed

        return train
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

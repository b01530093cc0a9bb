"""Prepared film in, probability map per structure out.

`load_model` and `predict` import torch when first used, not when the package is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ho_imaging.network.prediction import ModelIdentity, Prediction

if TYPE_CHECKING:
    from ho_imaging.network.inference import predict
    from ho_imaging.network.model_store import Model, load_model

__all__ = ["Model", "ModelIdentity", "Prediction", "load_model", "predict"]


def __getattr__(name: str) -> object:
    if name in {"Model", "load_model"}:
        from ho_imaging.network import model_store  # noqa: PLC0415  # torch loads only when it is needed

        return getattr(model_store, name)
    if name == "predict":
        from ho_imaging.network.inference import predict  # noqa: PLC0415

        return predict
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

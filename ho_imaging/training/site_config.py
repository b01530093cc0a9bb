"""Configuration for fine-tuning a model on a site's reviewed radiographs: a short schedule with a low learning rate."""

from __future__ import annotations

from pathlib import Path

from ho_imaging.files.atomic import write_text
from ho_imaging.files.toml import to_toml
from ho_imaging.network.model_store import find_model, read_description
from ho_imaging.training.config import TrainingConfig, load_config

__all__ = ["write_adapt_config"]

MINUTES = 20.0
SCHEDULE = {"minutes": MINUTES, "steps": None, "validate_minutes": MINUTES / 2, "validation_films": 20}
"""Validating on a radiograph takes as long as a step or two, so validation is rare and small."""
LEARNING_RATE = 5e-4
"""An eighth of the rate for training from random weights, to adapt the model without forgetting."""
EMA_DECAY = 0.99
"""A moving average over a run of hundreds of steps must not reach back over thousands."""


def write_adapt_config(path: Path, model: str | Path, *, cases: Path, films: Path) -> TrainingConfig:
    """Write a configuration for fine-tuning as TOML.

    Parameters
    ----------
    path
        File to write.
    model
        Name or folder of the model to fine-tune. Its ``training.toml`` is the basis, if there is one.
    cases
        Folder of simulated cases, written as given; a relative path counts from the configuration file.
    films
        Folder of reviewed radiographs, written as given.

    Returns
    -------
    TrainingConfig
        The configuration that was written.

    Raises
    ------
    ModelError
        If the model does not exist.

    """
    folder = find_model(model)
    stated = folder / "training.toml"
    description = read_description(folder)
    base = load_config(stated) if stated.is_file() else TrainingConfig()
    config = base.model_copy(
        update={
            "network": description.architecture,
            "preparation": description.preparation,
            "data": base.data.model_copy(
                # Coarse first steps are for random weights, and a short run would consist of nothing else.
                update={"cases": cases, "films": films, "hard_share": 0.0, "coarse_steps": 0}
            ),
            "run": base.run.model_copy(update=SCHEDULE),
            "optimiser": base.optimiser.model_copy(update={"learning_rate": LEARNING_RATE, "ema_decay": EMA_DECAY}),
        }
    )
    text = to_toml(config.model_dump(mode="json", exclude_none=True))
    write_text(path, f"# Fine-tunes {description.name} {description.version} on reviewed radiographs.\n{text}")
    return config

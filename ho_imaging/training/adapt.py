"""How to fine-tune a model on a site's reviewed films: its own configuration with a short and gentle schedule."""

from __future__ import annotations

from pathlib import Path

from ho_imaging.files.atomic import write_text
from ho_imaging.files.toml import to_toml
from ho_imaging.network.model_store import find_model, read_description
from ho_imaging.training.config import TrainingConfig, load_config

__all__ = ["write_adapt_config"]

MINUTES = 20.0
SCHEDULE = {"minutes": MINUTES, "steps": None, "validate_minutes": MINUTES / 2, "validation_films": 20}
"""Looking at a validation film takes as long as a step or two: few are looked at, and seldom."""
LEARNING_RATE = 5e-4
"""An eighth of what a model is trained with from nothing: steps that change what is seen, not what is known."""
EMA_DECAY = 0.99
"""A run of hundreds of steps must not average over thousands."""


def write_adapt_config(path: Path, model: str | Path, *, cases: Path, films: Path) -> TrainingConfig:
    """Write the configuration as TOML; ``cases`` and ``films`` are kept as given, relative ones count from the file.

    Raises
    ------
    ModelError
        If there is no such model.

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
                # Coarse first steps are for random weights; a short run would consist of nothing else.
                update={"cases": cases, "films": films, "hard_share": 0.0, "coarse_steps": 0}
            ),
            "run": base.run.model_copy(update=SCHEDULE),
            "optimiser": base.optimiser.model_copy(update={"learning_rate": LEARNING_RATE, "ema_decay": EMA_DECAY}),
        }
    )
    text = to_toml(config.model_dump(mode="json", exclude_none=True))
    write_text(path, f"# Fine-tunes {description.name} {description.version} on reviewed films.\n{text}")
    return config

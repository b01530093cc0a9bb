"""Short forms: methods of results that call a function of the package ``outputs``.

Writers lie above results, so results import none of them: the package is looked up by its name when a user asks.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["call_output"]


def call_output(function: str, *arguments: object, **options: object) -> Any:
    """Call a public function of ``ho_imaging.outputs`` and return what it returns.

    Parameters
    ----------
    function
        Its name.
    *arguments, **options
        What it takes.

    """
    return getattr(import_module("ho_imaging.outputs"), function)(*arguments, **options)

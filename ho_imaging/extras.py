"""Packages that only some features need: a missing one is named with the command that installs it."""

from __future__ import annotations

from importlib import import_module

from ho_imaging.errors import UsageError

__all__ = ["missing_extra", "require"]


def missing_extra(error: ImportError, extra: str, purpose: str) -> UsageError:
    """Return the error for a package that is not installed, with the command that installs it.

    Parameters
    ----------
    error
        Failure of the import.
    extra
        Extra of this distribution that holds the package.
    purpose
        Feature that needs it, as the subject of a sentence.

    Returns
    -------
    UsageError
        To be raised from ``error``.

    """
    # The package, not the module within it that was asked for.
    package = (error.name or "a package that is not installed").partition(".")[0]
    return UsageError(f"{purpose} needs {package}", remedy=f'install it with: pip install "ho-imaging[{extra}]"')


def require(packages: tuple[str, ...], extra: str, purpose: str) -> None:
    """Check that packages of an extra are installed, before work that would fail without them halfway.

    Parameters
    ----------
    packages
        Modules to import.
    extra
        Extra of this distribution that holds them.
    purpose
        Feature that needs them, as the subject of a sentence.

    Raises
    ------
    UsageError
        If one is missing.

    """
    try:
        for package in packages:
            import_module(package)
    except ImportError as error:
        raise missing_extra(error, extra, purpose) from error

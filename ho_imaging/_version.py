"""Version of the package, for modules that name it in what they write."""

__all__ = ["__version__"]

__version__ = "0.1.0"

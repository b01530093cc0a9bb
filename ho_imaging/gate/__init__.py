"""The gate decides whether a film is one the model was made for, and whether it is shown the right way.

`rules` holds what each region must show, `scope` judges by it, `proportions` tells adults' hips from children's,
`sockets` hip joints from other round bones, and `showing` finds films that are swapped or turned.
"""

from ho_imaging.gate.scope import ScopeReading, check_anatomy, check_attributes

__all__ = ["ScopeReading", "check_anatomy", "check_attributes"]

"""The gate decides whether a film is one the model was made for, and whether it is shown the right way.

`ho_imaging.regions` holds what a film of each region must show. `scope` judges by it, `proportions` tells adults'
joints from children's, `sockets` joints from other round bones, and `orientation` finds films that
are swapped or turned.
"""

from ho_imaging.gate.scope import ScopeReading, check_anatomy, check_attributes, check_region

__all__ = ["ScopeReading", "check_anatomy", "check_attributes", "check_region"]

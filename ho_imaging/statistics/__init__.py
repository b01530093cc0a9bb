"""Statistics of agreement, detection and calibration, as pure functions."""

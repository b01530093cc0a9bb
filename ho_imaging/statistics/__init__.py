"""Statistics of agreement and detection: intervals, kappa, ROC, calibration, decision curves. Pure functions."""

"""The way of a study through the stages, from its images to its result."""

from ho_imaging.pipeline.analyzer import LOADING, Analyzer
from ho_imaging.pipeline.calls import analyze, analyze_all, analyze_array

__all__ = ["LOADING", "Analyzer", "analyze", "analyze_all", "analyze_array"]

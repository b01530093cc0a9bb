"""Probability maps in, nodules with their measures and the anatomy around them out."""

from ho_imaging.findings.anatomy import read_anatomy
from ho_imaging.findings.finding import Anatomy, Finding, Joint
from ho_imaging.findings.nodules import find_nodules, find_possible_nodules, highest_probabilities

__all__ = [
    "Anatomy",
    "Finding",
    "Joint",
    "find_nodules",
    "find_possible_nodules",
    "highest_probabilities",
    "read_anatomy",
]

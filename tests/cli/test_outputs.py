"""``--outputs`` and its short forms say one thing in one way."""

import argparse

import pytest

from ho_imaging.cli.analyze import _chosen, add_arguments
from ho_imaging.errors import UsageError


def chosen(*arguments):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return _chosen(parser.parse_args(["films", "--out", "out", *arguments]).outputs)


@pytest.mark.parametrize(
    ("arguments", "outputs"),
    [
        ([], ()),
        (["--outputs", "fhir, report"], ("fhir", "report")),
        (["--outputs", "fhir", "--outputs", "labels,fhir"], ("fhir", "labels")),
        (["--dicom", "--masks", "--overlays"], ("dicom", "masks", "overlays")),
        (["--outputs", "dicom", "--dicom-anatomy", "--dicom-probability"], ("dicom:anatomy:probability",)),
        (["--dicom-probability", "--outputs", "dicom:anatomy"], ("dicom:anatomy:probability",)),
        (["--outputs", "fhir:release=R5:subject=Patient/42"], ("fhir:release=R5:subject=Patient/42",)),
    ],
)
def test_outputs_are_chosen_by_name(arguments, outputs):
    assert chosen(*arguments) == outputs


def test_what_is_no_output_is_refused():
    with pytest.raises(UsageError, match="unknown output 'fihr'"):
        chosen("--outputs", "fihr")


def test_two_values_of_one_option_are_refused():
    with pytest.raises(UsageError, match="fhir:release is given twice"):
        chosen("--outputs", "fhir:release=R5,fhir:subject=Patient/42,fhir:release=R4")

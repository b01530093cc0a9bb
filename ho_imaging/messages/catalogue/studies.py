"""Outcome of a study, and the warnings that its reader must know first."""

from __future__ import annotations

from ho_imaging.messages.entry import Entry
from ho_imaging.messages.entry import mark as _

__all__ = ["ENTRIES"]

ENTRIES: dict[str, Entry] = {
    "unclassified": Entry(
        _("{problem}"),
        _("{remedy}"),
        note="A problem without a code of its own, in English: wrong use, a model or a disk that fails.",
    ),
    "image_not_found": Entry(
        _("no film was found"),
        note="A study without any image.",
    ),
    "no_radiographs": Entry(
        _("holds no radiographs"),
        note="A study of an archive without radiographs.",
    ),
    "internal_error": Entry(
        _("internal error ({kind})"),
        _("run again with -v and attach the traceback to a report of it"),
        note="This program failed on an image.",
    ),
    "greys_in_doubt": Entry(
        _("{doubts}"),
        _("{advice:or}"),
        note="What makes the greys of a refused image doubtful; stands beside the reason.",
    ),
    "study_incomplete": Entry(
        _("the study is incomplete: {reasons}"),
        _("fetch it again, or grade what came with --accept-incomplete"),
        note="A part of the study did not come; it is not graded.",
    ),
    "graded_incomplete": Entry(
        _("Incomplete, and graded all the same: {reasons}."),
        note="A part of the study did not come; the caller accepts that.",
    ),
    "sides_by_place": Entry(
        _("{source} says {side:word}, but the film shows the joints of both sides: each side is graded where it lies."),
        note="The header names one side of an image of both.",
    ),
    "sides_of_pa": Entry(
        _(
            "{source} says PA and no Patient Orientation is stated: the patient's right was taken to lie on the right "
            "of the film. Where it is shown as AP films are, right and left are exchanged."
        ),
        note="Which side of a PA image lies where is not stated.",
    ),
    "mm_from_heads": Entry(
        _(
            "Millimetres are scaled from the {landmarks:word} ({diameter_mm:g} mm assumed): "
            "take them as +- {percent:g} %."
        ),
        note="No pixel spacing can be believed; the heads of the joints are the scale.",
    ),
    "no_spacing": Entry(
        _("No believable spacing: sizes are in pixels only."),
        note="No millimetres, and nothing in the image to scale by.",
    ),
    "no_mm": Entry(
        _("No believable spacing and no {landmark:word} to scale by: sizes are in pixels only."),
        note="No millimetres.",
    ),
    "dicom_objects_missing": Entry(
        _("No DICOM objects: {reason}."),
        note="Results could not be written as DICOM.",
    ),
    "output_not_written": Entry(
        _("Output {output} was not written: {reason}."),
        note="A picture, table or file of a study is missing.",
    ),
    "dicom_attributes_left_out": Entry(
        _("DICOM objects of film {uid} leave out or shorten what is not of DICOM's form: {attributes}."),
        note="Attributes of an image that cannot be copied into objects.",
    ),
    "dicom_object_failed": Entry(
        _("The DICOM {object:word} of {uid} could not be written ({kind})."),
        note="One DICOM object could not be written; the others were.",
    ),
}

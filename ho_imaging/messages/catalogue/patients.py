"""Images that must be of one patient and one study."""

from __future__ import annotations

from ho_imaging.messages.entry import Entry
from ho_imaging.messages.entry import mark as _

__all__ = ["ENTRIES"]

ENTRIES: dict[str, Entry] = {
    "two_patients": Entry(
        _(
            "images of two patients in one study: {attributes:words} {attributes:?differs|differ} between"
            " {first} and {second}"
        ),
        _("correct the patient in the archive or the files, or analyse each patient's images on their own"),
        note="Images of one study name different patients; all are refused.",
    ),
    "other_study": Entry(
        _("an image of another study: {image} states study {stated}, not {study}"),
        _("correct the study in the archive or the files, or leave the image out"),
        note="An image states another Study Instance UID than it came under.",
    ),
    "several_studies": Entry(
        _("images of {count} studies: {first} states study {first_study}, {second} states study {second_study}"),
        _("analyse each study on its own; analyze_all([...]) gives one result a study"),
        note="Images that were given as one study are of several.",
    ),
    "patients_contradict": Entry(
        _(
            "the files name different patients: {attributes:words} {attributes:?differs|differ} between "
            "{first} and {second}"
        ),
        _("check them; --allow-other-patient (allow_other_patient=True) takes them for one person"),
        note="Studies that are to be compared name different patients.",
    ),
    "one_patient_as_asked": Entry(
        _(
            "Taken for one patient as asked, although {attributes:words} {attributes:?differs|differ} "
            "between {first} and {second}."
        ),
        note="The caller takes contradicting studies for one patient's.",
    ),
    "patients_in_doubt": Entry(
        _(
            "{attributes:words} {attributes:?differs|differ} in part between {first} and {second}: taken "
            "for one patient by birth date."
        ),
        note="Names differ as after a marriage or a typing error; the birth dates agree.",
    ),
    "image.numbered": Entry(
        _("image {number}"),
        note="How an image is named to its user.",
    ),
    "image.numbered_uid": Entry(
        _("image {number} ({uid})"),
        note="How an image is named to its user.",
    ),
    "image.of_study": Entry(
        _("study {number} ({image})"),
        note="How an image is named to its user.",
    ),
}

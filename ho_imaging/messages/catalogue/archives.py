"""Images that an archive did not send."""

from __future__ import annotations

from ho_imaging.messages.entry import Entry
from ho_imaging.messages.entry import mark as _

__all__ = ["ENTRIES"]

ENTRIES: dict[str, Entry] = {
    "images_missing": Entry(
        _("{missing} of {expected} images of series {series} did not come"),
        note="The archive lists more images of a series than came.",
    ),
    "objects_not_sent": Entry(
        _("{count} objects were not sent, and nothing says that they are no radiographs"),
        note="The archive failed to send objects.",
    ),
    "objects_lost": Entry(
        _("the archive says that it sent {sent} objects, {received} came"),
        note="Objects were lost on their way.",
    ),
    "objects_not_listed": Entry(
        _("the archive counts {count} objects in the study, and {missing} of them it does not list"),
        note="A list of the archive is cut off.",
    ),
    "series_not_listed": Entry(
        _("the archive counts {count} series in the study and lists {listed}"),
        note="A list of the archive is cut off.",
    ),
    "transfer_status": Entry(
        _("the {service} ended with status {status}"),
        note="A C-GET or C-MOVE ended with an error.",
    ),
    "object_not_understood": Entry(
        _("an object could not be understood ({kind})"),
        note="An object came damaged.",
    ),
    "object_not_asked_for": Entry(
        _("{sender} sent an object that was not asked for and was turned away"),
        note="Another peer sends to the port of C-MOVE.",
    ),
    "object_not_asked_for_untitled": Entry(
        _("a peer without a title sent an object that was not asked for and was turned away"),
        note="Another peer sends to the port of C-MOVE.",
    ),
    "study_uid_invalid": Entry(
        _("{uid} is no UID of a study"),
        _("give digits with dots between them"),
        note="What was asked for is no UID.",
    ),
    "archive_unreachable": Entry(
        _("{archive} cannot be reached"),
        _("check host, port and AE titles"),
        note="No connection to the archive.",
    ),
    "archive_unreachable_because": Entry(
        _("{archive} cannot be reached: {detail}"),
        _("check host, port and AE titles"),
        note="No connection to the archive, with the library's reason.",
    ),
    "archive_rejects": Entry(
        _("{archive} rejected the association"),
        _("check host, port and AE titles"),
        note="The archive does not know this AE title, or offers no such service.",
    ),
    "archive_silent": Entry(
        _("{archive} did not answer the {service}"),
        _("check that it is there"),
        note="The archive ended the association or waited too long.",
    ),
    "archive_answer": Entry(
        _("{archive} answered the {service} with {status}"),
        _("see its log"),
        note="A DIMSE status that is an error.",
    ),
    "archive_does_not_know_us": Entry(
        _("{archive} does not know {own} to send to, or cannot reach it ({service}: {status})"),
        _("enter its address and port in the archive, or use C-GET"),
        note="C-MOVE to a destination that the archive cannot send to.",
    ),
    "archive_cannot_be_asked": Entry(
        _("{archive} cannot be asked: {detail}"),
        _("see what it offers"),
        note="The archive offers no such service, or hung up.",
    ),
    "archive_web_failed": Entry(
        _("{archive} {detail}"),
        _("check address and credentials"),
        note="A DICOMweb request failed.",
    ),
    "archive_list_cut": Entry(
        _("{archive} gives only {count} of a longer list"),
        _("raise its limit of a list"),
        note="An archive cuts its answers off.",
    ),
    "study_too_many_films": Entry(
        _("study {study} has more than {most} films"),
        _("no such study can be analysed"),
        note="A study above the limit.",
    ),
    "study_too_many_objects": Entry(
        _("study {study} has more than {most} objects"),
        _("fetch its films by DIMSE"),
        note="A study above the limit of a list.",
    ),
}

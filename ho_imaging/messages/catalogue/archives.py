"""Images that an archive did not send, and objects that a peer did not take."""

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
    "archive_web_status": Entry(
        _("{archive} answered {status}"),
        _("check address and credentials"),
        note="A DICOMweb request ended with an HTTP status that is an error.",
    ),
    "archive_web_no_report": Entry(
        _("{archive} answered {status} and what is no report"),
        _("check address and credentials"),
        note="Success by its HTTP status, with a body that no archive sends, such as a page to log in.",
    ),
    "archive_web_unreachable": Entry(
        _("{archive} cannot be reached ({kind})"),
        _("check address and credentials"),
        note="No connection to a DICOMweb server.",
    ),
    "archive_web_not_understood": Entry(
        _("{archive} answered what cannot be understood ({kind})"),
        _("check address and credentials"),
        note="A DICOMweb answer that is not of its form.",
    ),
    "archive_web_other_image": Entry(
        _("{archive} answered with another image than the one that was asked for"),
        _("see its log"),
        note="An image that came by DICOMweb has another SOP Instance or Study Instance UID.",
    ),
    "archive_list_cut": Entry(
        _("{archive} gives only {count} of a longer list"),
        _("raise its limit of a list"),
        note="An archive cuts its answers off.",
    ),
    "send_refused_status": Entry(
        _("refused with status {status}"),
        note="A peer does not take an object: status of its answer to C-STORE.",
    ),
    "send_refused_reason": Entry(
        _("refused with reason {reason}"),
        note="A peer does not take an object: Failure Reason of its answer to STOW-RS.",
    ),
    "send_refused": Entry(
        _("refused without a reason"),
        note="A peer does not take an object and does not say why.",
    ),
    "send_no_answer": Entry(
        _("no answer"),
        note="A peer did not answer within the time limit, or hung up at an object.",
    ),
    "send_association_ended": Entry(
        _("the association ended"),
        note="An object was not sent, for the peer hung up before.",
    ),
    "send_failed": Entry(
        _("cannot be sent: {detail}"),
        note="The network library cannot send an object.",
    ),
    "send_setting": Entry(
        _("{detail}"),
        note="A certificate or secret of a destination that cannot be used any longer, with its entry.",
    ),
    "send_object_unreadable": Entry(
        _("cannot be read ({kind})"),
        note="An object to send is damaged or gone.",
    ),
    "send_not_kept": Entry(
        _("was taken and not kept"),
        note="A peer took an object and reported later that it does not keep it.",
    ),
    "send_failed_before_stop": Entry(
        _("it took nothing before the last stop"),
        note="A destination that was away when the service was stopped.",
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

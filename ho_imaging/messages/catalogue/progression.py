"""Changes between two studies, and failed comparisons."""

from __future__ import annotations

from ho_imaging.messages.entry import Entry
from ho_imaging.messages.entry import mark as _

__all__ = ["ENTRIES"]

ENTRIES: dict[str, Entry] = {
    "prior_not_compared": Entry(
        _("no comparison with an earlier study: {reason}"),
        note="A service looked for an earlier study and has nothing to compare with.",
    ),
    "prior_no_date": Entry(
        _("the films state no date"),
        note="Without a date no study is an earlier one.",
    ),
    "prior_no_patient_id": Entry(
        _("the films state no patient ID to ask for"),
        note="No Patient ID, or one that an archive would take for a pattern.",
    ),
    "prior_none": Entry(
        _("the archive has no earlier study of the patient"),
        note="Nothing to compare with.",
    ),
    "prior_incomplete": Entry(
        _("an earlier study holds no films, or not all of it came"),
        note="An earlier study that is not whole is not compared with.",
    ),
    "prior_not_analysed": Entry(
        _("an earlier study could not be analysed: {reason}"),
        note="An earlier study whose films are damaged or out of scope.",
    ),
    "prior_other_patient": Entry(
        _("an earlier study under the patient's ID is another patient's"),
        note="The rule of identity does not hold.",
    ),
    "prior_other_side": Entry(
        _("no earlier study shows the same side"),
        note="Earlier studies are of the other side or of another region.",
    ),
    "of_study": Entry(
        _("study {number}: {warning}"),
        note="A warning of one of several studies.",
    ),
    "date_doubtful": Entry(
        _("study {number}: {flag} Intervals and growth per month may be wrong."),
        note="A date of an image is doubtful.",
    ),
    "one_day": Entry(
        _("Studies {earlier} and {later} are of one day: which came first is as they were given."),
        note="The order of studies of one day is not checked.",
    ),
    "days_against_dates": Entry(
        _(
            "By the dates in the files {dated} days lie between studies {earlier} and {later}; {given} were given, "
            "and growth per month rests on these."
        ),
        note="The caller gave another time between two studies than the files.",
    ),
    "dates_reversed": Entry(
        _(
            "By the dates in the files study {later} was taken {dated} days before study {earlier}: if they are true, "
            "growth and loss are exchanged."
        ),
        note="The caller gave the days between studies whose dates are in the opposite order.",
    ),
    "one_film_twice": Entry(
        _("studies {earlier} and {later} hold the same film: no time lies between its copies."),
        note="A film was given twice, or was filed in two studies. A verdict on it says nothing of the course.",
    ),
    "patients_not_named": Entry(
        _("Not every file names its patient: nothing shows that all are of one person."),
        note="Files without a Patient ID are compared.",
    ),
    "some_dates_missing": Entry(
        _("Not every study has a date: growth per month is given only between those that have one."),
        note="Some studies have no date.",
    ),
    "dates_missing": Entry(
        _("No dates: growth per month is not given."),
        note="No study has a date.",
    ),
    "areas_change": Entry(
        _("{earlier_mm2:.0f} to {later_mm2:.0f} sq mm; {appeared} new, {gone} gone."),
        note="Area of ectopic bone on both images, and nodules on one alone.",
    ),
    "growth": Entry(
        _(
            "All of it: {change_mm2:+.0f} sq mm, between {low_mm2:+.0f} and {high_mm2:+.0f} in 95 of 100 "
            "cases; less than {margin_mm2:.0f} is taken for none."
        ),
        note="Growth with its 95 % interval and margin.",
    ),
    "nothing_on_either": Entry(
        _("No ectopic bone is found on either film."),
        note="Neither image shows ectopic bone.",
    ),
    "grade_rose": Entry(
        _("The grade rose: a reader has to compare the films."),
        note="Areas are stable, but the grade rose.",
    ),
    "nodule_appeared": Entry(
        _("A nodule is seen on the later film alone: a reader has to look for it on the earlier one."),
        note="Areas are stable, but a nodule is new.",
    ),
    "settled.later": Entry(
        _("A later film would settle it: growth beyond {least_mm2:.0f} sq mm can be told."),
        note="The interval is too wide for a verdict.",
    ),
    "settled.alike": Entry(
        _(
            "Films exposed alike would settle it, or a later one: growth beyond {least_mm2:.0f} sq mm can"
            " be told on these."
        ),
        note="The images differ in exposure.",
    ),
    "settled.faint": Entry(
        _(
            "Nodules are too faint or outside the field on one of the films: films exposed alike that "
            "show the whole joint would settle it."
        ),
        note="Nodules cannot be seen well on both images.",
    ),
    "settled.reader": Entry(
        _("Nodules are seen on one film only, and none on both: a reader has to compare the films."),
        note="No nodule is on both images.",
    ),
    "settled.position": Entry(
        _("Outlines over bone and clear of it tell different growth: films of the same position would settle it."),
        note="The images differ in position.",
    ),
    "settled.projection": Entry(
        _("Films of the same projection would settle it."),
        note="Goes with different projections.",
    ),
    "settled.spacing": Entry(
        _("Films with a calibrated spacing would settle it."),
        note="Goes with an unknown scale.",
    ),
    "settled.whole_joint": Entry(
        _("Films that show the whole joint would settle it."),
        note="Goes with a joint that is cut off.",
    ),
    "grade_change": Entry(
        _("Grade {earlier:word} to {later:word}."),
        note="The grades of both studies differ.",
    ),
    "cannot_tell": Entry(
        _("Cannot tell: {why}."),
        note="Why a side cannot be compared.",
    ),
    "apart.projections": Entry(
        _("the films are of different projections"),
        note="Why images cannot be compared.",
    ),
    "apart.no_film": Entry(
        _("no film of this side on both"),
        note="Why images cannot be compared.",
    ),
    "apart.only_earlier": Entry(
        _("only the earlier study shows this side"),
        note="Why images cannot be compared.",
    ),
    "apart.only_later": Entry(
        _("only the later study shows this side"),
        note="Why images cannot be compared.",
    ),
    "apart.no_joint": Entry(
        _("the joint is not seen on both films"),
        note="Why images cannot be compared.",
    ),
    "apart.little_bone": Entry(
        _("too little native bone is seen on both films"),
        note="Why images cannot be compared.",
    ),
    "apart.size": Entry(
        _("the bones differ in size by more than magnification explains"),
        note="Why images cannot be compared.",
    ),
    "apart.outlines": Entry(
        _("the outlines of native bone lie {residual_mm:.1f} mm apart: view or pose differ"),
        note="Why images cannot be compared.",
    ),
    "apart.turned": Entry(
        _("a bone is turned by {turn_deg:.0f} degrees more on one film: the pose differs"),
        note="Why images cannot be compared.",
    ),
    "apart.no_scale": Entry(
        _("no believable spacing and no {landmark:word} to scale by"),
        note="Why images cannot be compared.",
    ),
    "apart.no_spacing": Entry(
        _("no believable spacing"),
        note="Why images cannot be compared: nothing in them is of a known size.",
    ),
    "apart.no_side": Entry(
        _("the studies show no side in common"),
        note="Why images cannot be compared.",
    ),
    "apart.earlier_ended": Entry(
        _("study earlier was {status:word} ({reason})"),
        note="Why images cannot be compared.",
    ),
    "apart.later_ended": Entry(
        _("study later was {status:word} ({reason})"),
        note="Why images cannot be compared.",
    ),
}

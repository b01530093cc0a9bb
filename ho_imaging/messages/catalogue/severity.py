"""Evidence of a grade, and missing grades."""

from __future__ import annotations

from ho_imaging.messages.entry import Entry
from ho_imaging.messages.entry import mark as _

__all__ = ["ENTRIES", "WORDS"]

ENTRIES: dict[str, Entry] = {
    "no_ectopic_bone": Entry(
        _("No ectopic bone about this hip."),
        note="Brooker class 0.",
    ),
    "none_sure": Entry(
        _("Possible ectopic bone, none of it sure enough to carry a class."),
        note="Brooker class 0; nodules that touch bone are not sure enough to count.",
    ),
    "bridge": Entry(
        _(
            "Ectopic bone is continuous from pelvis to femur on this film: apparent ankylosis. Overlap in"
            " one view can look the same (all of 33 neurogenic hips were read III-IV, 14 were ankylosed; "
            "Mavrogenis 2012)."
        ),
        note="Brooker class IV.",
    ),
    "islands": Entry(
        _("Islands of ectopic bone in soft tissue, none joined to pelvis or femur."),
        note="Brooker class I.",
    ),
    "spurs_alone": Entry(
        _("Spurs from bone; no opposing bone surface within reach, so at least 1 cm is left."),
        note="Brooker class II without a gap to measure.",
    ),
    "spurs_touch": Entry(
        _("Spurs reach the opposing bone surface."),
        note="Brooker class III with no gap left.",
    ),
    "gap_wide": Entry(
        _("Spurs leave {gap_mm:.1f} mm between opposing bone surfaces, at least 1 cm."),
        note="Brooker class II.",
    ),
    "gap_narrow": Entry(
        _("Spurs leave {gap_mm:.1f} mm between opposing bone surfaces, less than 1 cm."),
        note="Brooker class III.",
    ),
    "gap_wide_magnified": Entry(
        _(
            "Spurs leave {measured_mm:.1f} mm between opposing bone surfaces as measured, about "
            "{gap_mm:.1f} mm without magnification, at least 1 cm."
        ),
        note="Brooker class II; the length is corrected for magnification.",
    ),
    "gap_narrow_magnified": Entry(
        _(
            "Spurs leave {measured_mm:.1f} mm between opposing bone surfaces as measured, about "
            "{gap_mm:.1f} mm without magnification, less than 1 cm."
        ),
        note="Brooker class III; the length is corrected for magnification.",
    ),
    "between_grades": Entry(
        _("Between {grades:words}, by what is known of outline and scale ({shares:,})."),
        note="Grades that may well be meant, with their probabilities.",
    ),
    "possible_grade": Entry(
        _(
            "A nodule that touches bone counts from a confidence of {confidence:.2f}: if all that are "
            "outlined were ectopic bone the grade would be {grade:word}."
        ),
        note="The grade if nodules counted that are not sure enough.",
    ),
    "one_of_films": Entry(
        _("From one of {count} films of this side, film {uid}."),
        note="Several images show the side.",
    ),
    "score_of_other": Entry(
        _("Another film, which carries no class itself, shows more ectopic bone: the score is of that one."),
        note="Grade and score come from different images.",
    ),
    "grade_given": Entry(
        _("{system:word} {grade:word}."),
        note="The grade by a system.",
    ),
    "not_this_region": Entry(
        _("This grade is of hips; this film shows another part ({region:word})."),
        note="A system of hips on an image of another region.",
    ),
    "pelvis_not_seen": Entry(
        _("Not enough of the pelvis is seen on this side."),
        note="No grade.",
    ),
    "femur_not_seen": Entry(
        _("Not enough of the proximal femur is seen on this side."),
        note="No grade.",
    ),
    "femur_behind_implant": Entry(
        _("Not enough of the proximal femur is seen on this side behind the implant."),
        note="No grade.",
    ),
    "joint_not_seen": Entry(
        _("The hip joint of this side is not seen."),
        note="No grade.",
    ),
    "not_ap": Entry(
        _("This grade is defined on an AP film; this one is {view:word}."),
        note="A lateral image for a system of AP images.",
    ),
    "trochanter_not_seen": Entry(
        _("The tip of the greater trochanter is not seen."),
        note="No grade by Schmidt and Hackenbrock.",
    ),
    "only_residual_limbs": Entry(
        _("This grade is of residual limbs."),
        note="No grade by the Walter Reed system.",
    ),
    "limb_not_seen": Entry(
        _("The limb's outline is not seen."),
        note="No grade by the Walter Reed system.",
    ),
    "only_elbows": Entry(
        _("This grade is of elbows."),
        note="No grade by Hastings and Graham.",
    ),
    "gap_without_mm": Entry(
        _("Spurs from bone, but without a spacing or a femoral head to scale by the gap cannot be given in mm."),
        note="Brooker class II or III: which cannot be told.",
    ),
    "lengths_without_mm": Entry(
        _("Without a spacing or a femoral head to scale by, no length can be compared with 1 cm."),
        note="No Della Valle class.",
    ),
    "pelvis_spurs_uncovered": Entry(
        _("Not covered by the definition: bone joined to the pelvis without a bridge, sizes not in mm."),
        note="No grade by Schmidt and Hackenbrock.",
    ),
    "arrangement_uncovered": Entry(
        _("The definition does not cover this arrangement."),
        note="No grade.",
    ),
    "ap_view_missing": Entry(
        _("This grade takes an AP and a lateral view; an AP view that can be measured is missing."),
        note="No biplanar grade.",
    ),
    "lateral_view_missing": Entry(
        _("This grade takes an AP and a lateral view; a lateral view that can be measured is missing."),
        note="No biplanar grade.",
    ),
    "biplanar_narrow": Entry(
        _("Less than 1 cm between bone on one of the two views."),
        note="Biplanar grade 2.",
    ),
    "biplanar_none": Entry(
        _("No ectopic bone on either view."),
        note="Biplanar grade 0.",
    ),
    "biplanar_wide": Entry(
        _("At least 1 cm between bone on both views."),
        note="Biplanar grade 1.",
    ),
    "grade_left_by": Entry(
        _("The grade of the model; {reader} changed nodules of this side and left it."),
        note="A reader took away, drew or redrew nodules and gave no other grade.",
    ),
    "graded_by": Entry(
        _("Graded by {reader}."),
        note="A reader gave the grade.",
    ),
    "meaning.no_bone": Entry(
        _("no ectopic bone"),
        note="Meaning of a grade.",
    ),
    "meaning.islands": Entry(
        _("islands of bone in the soft tissue"),
        note="Meaning of a grade.",
    ),
    "meaning.wide_gap": Entry(
        _("bone spurs, at least 1 cm between opposing surfaces"),
        note="Meaning of a grade.",
    ),
    "meaning.narrow_gap": Entry(
        _("bone spurs, less than 1 cm between opposing surfaces"),
        note="Meaning of a grade.",
    ),
    "meaning.ankylosis": Entry(
        _("apparent bony ankylosis"),
        note="Meaning of a grade.",
    ),
    "share.of_grade": Entry(
        _("{grade:word} {share:%}"),
        note="A grade and its probability.",
    ),
}

WORDS = {
    # bones and landmarks of joints
    "femur": _("femur"),
    "femoral_head": _("femoral head"),
    "femoral heads": _("femoral heads"),
    # titles of grading systems, and grades that are words
    "Brooker class": _("Brooker class"),
    "Della Valle class": _("Della Valle class"),
    "Biplanar grade": _("Biplanar grade"),
    "Hastings-Graham class, radiographic part": _("Hastings-Graham class, radiographic part"),
    "Schmidt-Hackenbrock region and grade": _("Schmidt-Hackenbrock region and grade"),
    "Walter Reed grade of a residual limb": _("Walter Reed grade of a residual limb"),
    "I to III: motion needed": _("I to III: motion needed"),
}
"""Words of the vocabulary that come with a joint or a grading system; the others are in ``words``."""

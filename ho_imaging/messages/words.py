"""Words of the vocabulary as a reader reads them; each is a text of the catalogues."""

from __future__ import annotations

from collections.abc import Mapping

from ho_imaging.messages.catalogue import severity

__all__ = ["BASIS_MEANINGS", "WORDS"]


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text


WORDS: Mapping[str, str] = {
    **severity.WORDS,
    # sides, and which sides a film shows
    "left": _("left"),
    "right": _("right"),
    "bilateral": _("both sides"),
    "unknown": _("not known"),
    # how a file wants its film shown
    "window": _("window"),
    "VOI_lookup_table": _("VOI lookup table"),
    "signed": _("signed"),
    "unsigned": _("unsigned"),
    # what a file states of its patient
    "PatientID": _("Patient ID"),
    "IssuerOfPatientID": _("Issuer of Patient ID"),
    "IssuerOfPatientIDQualifiersSequence": _("Issuer of Patient ID Qualifiers Sequence"),
    "PatientName": _("Patient's Name"),
    "PatientBirthDate": _("Patient's Birth Date"),
    "PatientSex": _("Patient's Sex"),
    # DICOM objects of a result
    "segmentation": _("segmentation"),
    "probability_map": _("probability map"),
    "anatomy": _("anatomy"),
    "presentation_state": _("presentation state"),
    "picture": _("picture"),
    "key_objects": _("key object selection"),
    "report": _("report"),
    # how an input ended
    "done": _("analysed"),
    "refused": _("refused"),
    "failed": _("failed"),
    # regions
    "pelvis": _("pelvis"),
    "hip": _("hip"),
    "thigh": _("thigh"),
    "knee": _("knee"),
    "lower_leg": _("lower leg"),
    "ankle": _("ankle"),
    "foot": _("foot"),
    "residual_limb": _("residual limb"),
    "shoulder": _("shoulder"),
    "upper_arm": _("upper arm"),
    "elbow": _("elbow"),
    "forearm": _("forearm"),
    "wrist": _("wrist"),
    "hand": _("hand"),
    "chest": _("chest"),
    "abdomen": _("abdomen"),
    "spine": _("spine"),
    "head": _("skull"),
    "teeth": _("teeth"),
    "breast": _("breast"),
    "extremity": _("limb"),
    "whole_body": _("whole body"),
    "other": _("other"),
    # views
    "ap": _("AP"),
    "pa": _("PA"),
    "lateral": _("lateral"),
    "cross_table_lateral": _("cross-table lateral"),
    "frog_leg": _("frog-leg lateral"),
    "oblique": _("oblique"),
    "axial": _("axial"),
    # bones and what else is seen
    "ho": _("ectopic bone"),
    "implant": _("implant"),
    "body": _("body"),
    # what millimetres rest on
    "calibrated": _("calibrated"),
    "detector": _("detector"),
    "anatomical": _("anatomical"),
    "assumed": _("assumed"),
    "none": _("none"),
    # severity
    "mild": _("mild"),
    "moderate": _("moderate"),
    "severe": _("severe"),
    # courses and verdicts
    "new": _("new"),
    "grown": _("grown"),
    "stable": _("stable"),
    "shrunk": _("shrunk"),
    "gone": _("gone"),
    "uncertain": _("uncertain"),
    "outside": _("outside the field of one film"),
    "spreading": _("spreading"),
    "regressing": _("regressing"),
    "cannot tell": _("cannot tell"),
    # clinical facts
    "trauma": _("trauma"),
    "arthroplasty": _("arthroplasty"),
    "burn": _("burn"),
    "amputation": _("amputation"),
    "spinal_cord_injury": _("spinal cord injury"),
    "brain_injury": _("brain injury"),
    "none_known": _("none known"),
    "nsaid": _("anti-inflammatory drugs (NSAID)"),
    "radiation": _("radiation"),
    "both": _("anti-inflammatory drugs (NSAID) and radiation"),
    "heterotopic ossification, traumatica": _("heterotopic ossification, traumatica"),
    "heterotopic ossification, neurogenic": _("heterotopic ossification, neurogenic"),
    "heterotopic ossification, atraumatica (no known cause)": _(
        "heterotopic ossification, atraumatica (no known cause)"
    ),
    "caller": _("given by the caller"),
    "csv": _("given in a table"),
    # what a reader made of a nodule
    "unseen": _("not judged"),
    "accepted": _("accepted"),
    "rejected": _("rejected"),
    "mimic": _("something else"),
    "added": _("added"),
    "phlebolith": _("phlebolith"),
    "arterial_calcification": _("arterial calcification"),
    "calcified_node": _("calcified lymph node"),
    "injection_granuloma": _("injection granuloma"),
    "os_acetabuli": _("os acetabuli"),
    "osteophyte": _("osteophyte"),
    "enthesophyte": _("enthesophyte"),
    "healed_fracture": _("healed fracture"),
    "avulsion_fragment": _("avulsion fragment"),
    "fabella": _("fabella"),
    "loose_body": _("loose body"),
    "contrast_medium": _("contrast medium"),
    "staples": _("staples"),
    "clips": _("clips"),
    "electrode": _("electrode"),
    "zip": _("zip"),
    "button": _("button"),
    "tubing": _("tubing"),
    "bone_island": _("bone island"),
    "calcified_fibroid": _("calcified fibroid"),
    "stone": _("stone"),
    "seeds": _("radioactive seeds"),
    "stent": _("stent"),
    "gonad_shield": _("gonad shield"),
}

BASIS_MEANINGS: Mapping[str, str] = {
    "calibrated": _("Pixel spacing that was calibrated: millimetres in the patient."),
    "detector": _(
        "Pixel pitch of the detector, divided by the magnification where that is known; without it lengths are 5 to 25 "
        "% too long."
    ),
    "assumed": _("Stated by a caller, or by the file without saying what it rests on."),
    "none": _("No believable pixel spacing: pixels and ratios only, no millimetres."),
}

"""Images that the model was not made for, or that are shown the wrong way."""

from __future__ import annotations

from ho_imaging.messages.entry import Entry
from ho_imaging.messages.entry import mark as _

__all__ = ["ENTRIES"]

ENTRIES: dict[str, Entry] = {
    "region_not_read": Entry(
        _("shows {region:word} by its {source}; images of {regions:or} are read"),
        _("leave it out, or pass region= if the file is wrong"),
        note="The header states a region that is not read.",
    ),
    "region_not_of_model": Entry(
        _("shows {region:word} by its {source}; the model {model} does not read it"),
        _("use a model that was made for the region, or pass region= if the file is wrong"),
        note="The header states a region that this model was not made for.",
    ),
    "not_like_region": Entry(
        _("does not look like a film of {regions:or} (probability {probability:.2f}, {needed:.2f} is asked for)"),
        _("{advice}"),
        note="The network doubts that the image is one it was made for.",
    ),
    "body_missing": Entry(
        _("shows too little of a body: blank, shuttered or exposed wrongly"),
        _("give the whole film as it was exposed"),
        note="Hardly any soft tissue is seen.",
    ),
    "bone_missing": Entry(
        _("shows no {bone:word} that could be recognised"),
        _("{advice}"),
        note="A bone that the region must show is not seen.",
    ),
    "joint_missing": Entry(
        _("shows no {joint:word} joint, and nothing says that it is a {joint:word} or how large it is"),
        _("{advice}"),
        note="No joint is seen, and region or scale are not known.",
    ),
    "socket_missing": Entry(
        _(
            "shows no {joint:word} joint: what looks like a head does not lie between a {above:word} "
            "above and a {below:word} below"
        ),
        _("{advice}"),
        note="A round bone that is no head of the joint.",
    ),
    "joints_not_adult": Entry(
        _("shows joints that are not in an adult's proportions (distance {ratio:.1f} head diameters)"),
        _("leave it out: the model was made for adults"),
        note="Distance of the joints against the size of their heads.",
    ),
    "head_too_small": Entry(
        _("shows a head too small for its {bone:word}, as a child's is ({squares:.0f} squares of its diameter)"),
        _("leave it out: the model was made for adults"),
        note="Area of the first bone against the size of the head.",
    ),
    "heads_not_bone": Entry(
        _("shows {landmarks:word} that are not bone: a child's {joint:word}, or no {joint:word} at all"),
        _("leave it out: the model was made for adults"),
        note="Heads of cartilage.",
    ),
    "shown_swapped": Entry(
        _("looks like a film of {regions:or} only with black and white swapped"),
        _("correct its Photometric Interpretation, or invert the picture"),
        note="The image is a negative.",
    ),
    "shown_upside_down": Entry(
        _("looks like a film of {regions:or} only turned by a half"),
        _("save it upright"),
        note="The image is upside down.",
    ),
    "shown_turned_left": Entry(
        _("looks like a film of {regions:or} only turned by a quarter against the clock"),
        _("save it upright"),
        note="The image lies on its side.",
    ),
    "shown_turned_right": Entry(
        _("looks like a film of {regions:or} only turned by a quarter with the clock"),
        _("save it upright"),
        note="The image lies on its side.",
    ),
    "advice.state_region": Entry(
        _("if it shows {regions:or}, state the region (region=, --region)"),
        note="What can be done.",
    ),
    "advice.check_region": Entry(
        _("check the region that was stated, or leave the film out"),
        note="What can be done.",
    ),
    "advice.state_spacing": Entry(
        _("give the pixel spacing (spacing_mm=, --spacing)"),
        note="What can be done.",
    ),
    "advice.window": Entry(
        _("have its window corrected"),
        note="What can be done.",
    ),
    "advice.voi_lut": Entry(
        _("have its VOI lookup table corrected"),
        note="What can be done.",
    ),
    "advice.modality_lut": Entry(
        _("have its Modality lookup table corrected"),
        note="What can be done.",
    ),
    "advice.rescale": Entry(
        _("have its rescale slope and intercept corrected"),
        note="What can be done.",
    ),
    "advice.photometric": Entry(
        _("have its Photometric Interpretation and Presentation LUT Shape corrected"),
        note="What can be done.",
    ),
    "advice.transfer_syntax": Entry(
        _("have its transfer syntax corrected"),
        note="What can be done.",
    ),
    "advice.bits_stored": Entry(
        _("have its Bits Stored corrected"),
        note="What can be done.",
    ),
    "advice.pixel_description": Entry(
        _("have the description of its pixels corrected"),
        note="What can be done.",
    ),
}

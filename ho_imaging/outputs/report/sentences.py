"""Sentences that results hold, so that they can be said in another language.

A result speaks English. Each sentence here is one that the program writes into results, with placeholders for what
varies; a report in another language finds it by its wording. What is not here stays English and is marked so.
Placeholders: ``number``, ``keyword`` and ``uid`` (left as they are), ``grade``, ``shares`` (text with percentages),
``list`` (words), ``word``, ``names`` (a file's own words, without colons), ``inner`` (sentences with "; " between).
"""

from __future__ import annotations

__all__ = ["SENTENCES"]


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text


_GRADES = (
    _("No ectopic bone about this hip."),
    _(
        "Ectopic bone is continuous from pelvis to femur on this film: apparent ankylosis. Overlap in one view can "
        "look the same (all of 33 neurogenic hips were read III-IV, 14 were ankylosed; Mavrogenis 2012)."
    ),
    _("Islands of ectopic bone in soft tissue, none joined to pelvis or femur."),
    _("Spurs from bone; no opposing bone surface within reach, so at least 1 cm is left."),
    _("Spurs reach the opposing bone surface."),
    _("Spurs leave %(number1)s mm between opposing bone surfaces, at least 1 cm."),
    _("Spurs leave %(number1)s mm between opposing bone surfaces, less than 1 cm."),
    _(
        "Spurs leave %(number1)s mm between opposing bone surfaces as measured, about %(number2)s mm without "
        "magnification, at least 1 cm."
    ),
    _(
        "Spurs leave %(number1)s mm between opposing bone surfaces as measured, about %(number2)s mm without "
        "magnification, less than 1 cm."
    ),
    _("Between %(list)s, by what is known of outline and scale (%(shares)s)."),
    _("Possible ectopic bone, none of it sure enough to carry a class."),
    _(
        "A nodule that touches bone counts from a confidence of %(number)s: if all that are outlined were ectopic bone "
        "the grade would be %(grade)s."
    ),
    _("Brooker class %(grade)s."),
    _("Della Valle class %(grade)s."),
    _("Biplanar grade %(grade)s."),
    _("Hastings-Graham class, radiographic part %(grade)s."),
    _("Schmidt-Hackenbrock region and grade %(grade)s."),
    _("Walter Reed grade of a residual limb %(grade)s."),
    _("From one of %(number1)s films of this side, film %(uid)s."),
    _("Another film, which carries no class itself, shows more ectopic bone: the score is of that one."),
)

_NO_GRADES = (
    _("The film resolves about %(number1)s mm; %(number2)s mm is asked for: its nodules are possible ones."),
    _("This grade is of hips; this film shows another part (%(word)s)."),
    _("Not enough of the pelvis is seen on this side."),
    _("Not enough of the proximal femur is seen on this side."),
    _("Not enough of the proximal femur is seen on this side behind the implant."),
    _("The hip joint of this side is not seen."),
    _("This grade is defined on an AP film; this one is %(word)s."),
    _("The tip of the greater trochanter is not seen."),
    _("This grade is of residual limbs."),
    _("The limb's outline is not seen."),
    _("This grade is of elbows."),
    _("Spurs from bone, but without a spacing or a femoral head to scale by the gap cannot be given in mm."),
    _("Without a spacing or a femoral head to scale by, no length can be compared with 1 cm."),
    _("Not covered by the definition: bone joined to the pelvis without a bridge, sizes not in mm."),
    _("The definition does not cover this arrangement."),
    _("This grade takes an AP and a lateral view; an AP view that can be measured is missing."),
    _("This grade takes an AP and a lateral view; a lateral view that can be measured is missing."),
    _("Less than 1 cm between bone on one of the two views."),
    _("No ectopic bone on either view."),
    _("At least 1 cm between bone on both views."),
)

_WARNINGS = (
    _("Millimetres are scaled from the femoral heads (48 mm assumed): take them as +- 8 %%."),
    _("No believable spacing and no femoral head to scale by: sizes are in pixels only."),
    _("study %(number)s:"),
    _("No dates: growth per month is not given."),
    _("Not every study has a date: growth per month is given only between those that have one."),
    _("Not every file names its patient: nothing shows that all are of one person."),
)

_FLAGS = (
    _("By its description bone is bright, but air looks bright: black and white may be swapped in the file."),
    _("Photometric Interpretation %(word1)s and Presentation LUT Shape %(word2)s differ: shape counts."),
    _("No Photometric Interpretation: low values are taken as black."),
    _("Missing in the header and assumed: %(names)s."),
    _("%(number)s elements of the header cannot be read: they were left out."),
    _("The header states %(number1)s bits, the compressed data has %(number2)s."),
    _("The header states %(number1)s bits, the pixels have %(number2)s."),
    _("Header and codestream disagree on the sign of stored values: taken as %(word)s."),
    _("View %(number1)s of %(number2)s was used (%(names)s)."),
    _("The stated window is not allowed by the standard: all values are shown."),
    _("The stated window or LUT shows every pixel alike: all values are shown."),
    _("%(keyword)s is no UID: one was made from it."),
    _("Rescale Slope is zero, or it or the intercept is no number: rescale was left out."),
    _("Raw detector image: shown by its intensity relationship, not by the maker's processing."),
    _("Raw detector image of unstated intensity relationship: shown as stored."),
    _("Stored in colour though it is grey: taken as its luminance."),
    _("Stored as %(word)s though it is grey: taken as its luminance."),
    _("Transparency was left out."),
    _("The file says its picture is turned or mirrored: it was turned back."),
    _("Not DICOM: nothing says how it was made, what it shows, or how large a pixel is."),
    _("The film went through lossy compression: faint bone may be lost, and traces of it look like bone."),
    _("The film went through lossy compression (%(names)s): faint bone may be lost, and traces of it look like bone."),
    _("The file says that text is burned into the pixels."),
    _("A secondary capture: processing, scale and spacing may not be the original's."),
    _("The file states no pixel spacing."),
    _("Raster files carry no spacing that can be believed."),
    _("PixelSpacing and %(word)s differ more than any magnification."),
    _("Lengths are at the detector: in the patient they are 5 to 25 %% shorter."),
    _("Pixel Spacing is exactly 1 x 1 mm on an image of unknown origin: a placeholder."),
    _("Nothing says whether Pixel Spacing is calibrated or the detector's."),
    _("%(keyword)s is not two numbers: it was not believed."),
    _("%(keyword)s is zero or negative: it was not believed."),
    _("%(keyword)s is outside %(number1)s to %(number2)s mm: it was not believed."),
    _("%(keyword)s makes pixels more than twice as long as wide: it was not believed."),
    _("%(keyword)s would make the film smaller than 2 cm or larger than 1.5 m: it was not believed."),
    _("The stated magnification is not between 1 and 2."),
    _("%(names)s says %(word1)s, %(word2)s says otherwise."),
    _("Patient Orientation is %(uid)s, not L\\F: the film lies turned, sides may be swapped."),
    _("Patient Orientation is %(uid)s, not L\\F: sides are taken from it."),
    _("%(names)s says %(word)s, but the film shows both hips: each side is graded where it lies."),
    _("%(names)s is missing: one was made from the pixel data."),
    _("Something in another colour is drawn into the picture, such as a box or text."),
    _("The radiograph is toned in one hue: it was read as grey."),
    _("The stated %(word)s hides %(names)s of the film's detail, perhaps bone."),
    _("The stated %(word)s hides %(names)s of the film's detail: it was not used."),
    _("The stated %(word)s shows every pixel alike: it was not used."),
    _("A stated window is not allowed by the standard: it was not used."),
    _("WindowCenter has %(number1)s values and WindowWidth %(number2)s: only pairs count."),
    _("%(keyword1)s and StudyDate are more than a month apart: %(keyword2)s was used."),
    _("The file states %(names)s and holds uncompressed data: it was decoded as that."),
    _("The file states %(names1)s and holds bare %(names2)s data: it was decoded as that."),
    _("The file states %(names1)s and holds %(names2)s data: it was decoded as that."),
    _("%(keyword)s %(inner1)s: %(inner2)s."),
    _("%(keyword)s %(inner)s."),
)

_CLAUSES = (
    _("cannot be read"),
    _("is zero"),
    _("is not a number"),
    _("is not a whole number"),
    _("is not two numbers above 0"),
    _("makes pixels more than twice as long as wide"),
    _("is not %(number1)s to %(number2)s"),
    _("is neither %(number1)s nor %(number2)s"),
    _("has several values where one is meant"),
    _("has one value several times"),
    _("is written with a decimal comma, which was read as a point"),
    _("is not a term of the standard"),
    _("names none that is known"),
    _("is not two directions of the body"),
    _("is not a date"),
    _("is in the future"),
    _("is before the patient's birth"),
    _("is not a sequence"),
    _("has no descriptor of three numbers"),
    _("has no data"),
    _("has data that are no numbers"),
    _("has entries of more than 16 bits"),
    _("has only entries of zero"),
    _("states %(number1)s entries and has %(number2)s"),
    _("states entries of %(number)s bits and has two of 8 bits in each word"),
    _("states entries of %(number1)s bits and has some of %(number2)s"),
    _("does not state the bits of an entry"),
    _("has a first value of the other sign than its input"),
    _("their range was taken"),
    _("it was taken so"),
    _("it was not used"),
    _("it was left out"),
    _("it was not believed"),
    _("%(number)s were taken"),
    _("%(number)s was taken"),
    _("Bits Allocated was taken"),
    _("Bits Stored less 1 was taken"),
    _("unsigned was taken"),
    _("no padding was taken"),
    _("the padding value alone was taken"),
    _("rescale was left out"),
    _("rescale was left out, so black and white may be swapped"),
    _("stored values are taken as they are"),
    _("another view is used, or all values are shown"),
    _("low values are taken as black"),
    _("Photometric Interpretation counts"),
    _("FOR PRESENTATION was taken"),
    _("it is not taken as LIN"),
    _("a raw film is shown as stored"),
    _("no calibration was taken"),
    _("square pixels were taken"),
    _("descriptions count"),
    _("Laterality and descriptions count"),
    _("the view is other than those known"),
    _("the film is taken to lie as films are read"),
    _("the next date was taken"),
    _("there is no date"),
    _("no date is too early"),
    _("the transfer syntax tells"),
    _("no text was taken"),
)
"""What is wrong with an attribute, and what was done: the parts of the sentences that only reading puts together."""

_REASONS = (
    _(
        "shows %(word1)s by its %(uid)s; the model reads hips, pelves, thighs and knees (leave it out, or pass region= "
        "if the file is wrong)"
    ),
    _(
        "does not look like a hip, pelvis or thigh (probability %(number1)s, %(number2)s is asked for) (give a "
        "film of a hip or pelvis)"
    ),
    _(
        "looks like a hip, pelvis or thigh only with black and white swapped (correct its Photometric Interpretation, "
        "or invert the picture)"
    ),
    _("looks like a hip, pelvis or thigh only turned by a quarter against the clock (save it upright)"),
    _("looks like a hip, pelvis or thigh only turned by a quarter with the clock (save it upright)"),
    _("looks like a hip, pelvis or thigh only turned by a half (save it upright)"),
    _("shows too little of a body: blank, shuttered or exposed wrongly (give a film of a hip or pelvis)"),
    _("shows no pelvis that could be recognised (give a film of a hip or pelvis)"),
    _("shows no femur that could be recognised (give a film of a hip or pelvis)"),
    _("shows no hip joint, and nothing says that it is a hip or how large it is (give a film of a hip or pelvis)"),
    _(
        "shows joints that are not in an adult's proportions (distance %(number)s head diameters) (give a film of a "
        "hip or pelvis)"
    ),
    _("shows femoral heads that are not bone: a child's hip, or no hip at all (give a film of a hip or pelvis)"),
    _("is not a projection radiograph: %(names)s (give CR, DX, RF or SC images)"),
    _("is not an image: %(names)s (leave it out)"),
    _("is a result of this program, not a film (leave it out)"),
    _("is a colour picture, not a radiograph (give the original grey image)"),
    _("is only %(number1)s x %(number2)s pixels (give the full image)"),
    _("holds %(number)s frames, not one film (choose one with frame=0 and so on)"),
    _("holds no pixel data (send the file again)"),
    _("is empty (send the file again)"),
    _("is damaged DICOM (%(names)s) (send the file again)"),
    _("is not DICOM: it has none of the attributes of an image (check what it is)"),
    _("is truncated: %(names1)s of %(names2)s bytes of pixel data are there (send the file again)"),
    _("is truncated: the %(names)s data has no end marker (send the file again)"),
    _("does not exist (check the path)"),
    _("cannot be read: %(names)s (check the path and your rights to it)"),
    _("no film was found"),
)

_CHANGES = (
    _("%(number1)s to %(number2)s sq mm, %(number3)s +- %(number4)s; %(number5)s new, %(number6)s gone."),
    _("No nodule is seen well enough on both films."),
    _("%(number1)s to %(number2)s sq mm; %(number3)s new, %(number4)s gone."),
    _(
        "All of it: %(number1)s sq mm, between %(number2)s and %(number3)s in 95 of 100 cases; less than %(number4)s "
        "is taken for none."
    ),
    _("No ectopic bone is found on either film."),
    _("The grade rose: a reader has to compare the films."),
    _("A nodule is seen on the later film alone: a reader has to look for it on the earlier one."),
    _("A later film would settle it: growth beyond %(number)s sq mm can be told."),
    _("Films exposed alike would settle it, or a later one: growth beyond %(number)s sq mm can be told on these."),
    _(
        "Nodules are too faint or outside the field on one of the films: films exposed alike that show the whole joint "
        "would settle it."
    ),
    _("Nodules are seen on one film only, and none on both: a reader has to compare the films."),
    _("Outlines over bone and clear of it tell different growth: films of the same position would settle it."),
    _("Films of the same projection would settle it."),
    _("Films with a calibrated spacing would settle it."),
    _("Films that show the whole joint would settle it."),
    _("Cannot tell: %(inner)s."),
    _("Grade %(grade1)s to %(grade2)s."),
    _("the films are of different projections"),
    _("no film of this side on both"),
    _("only the earlier study shows this side"),
    _("only the later study shows this side"),
    _("the joint is not seen on both films"),
    _("too little native bone is seen on both films"),
    _("the bones differ in size by more than magnification explains"),
    _("the outlines of native bone lie %(number)s mm apart: view or pose differ"),
    _("a bone is turned by %(number)s degrees more on one film: the pose differs"),
    _("no believable spacing and no femoral head to scale by"),
    _("the studies show no side in common"),
    _("study earlier was %(word)s"),
    _("study later was %(word)s"),
)

SENTENCES: tuple[str, ...] = (*_GRADES, *_NO_GRADES, *_WARNINGS, *_FLAGS, *_CLAUSES, *_REASONS, *_CHANGES)
"""With ``%%`` for a percent sign, as the catalogues have it."""

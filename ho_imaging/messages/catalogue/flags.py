"""Image quality flags."""

from __future__ import annotations

from ho_imaging.messages.entry import Entry
from ho_imaging.messages.entry import mark as _

__all__ = ["ENTRIES"]

ENTRIES: dict[str, Entry] = {
    "attribute_not_understood": Entry(
        _("{keyword} {wrong}: {taken}."),
        note="An attribute of the header has a value that is not understood, and what was done.",
    ),
    "attribute_repaired": Entry(
        _("{keyword} {wrong}."),
        note="An attribute of the header is written wrongly, and its value was understood all the same.",
    ),
    "attribute_unreadable": Entry(
        _("{keyword} cannot be read: {taken}."),
        note="The value of an attribute is damaged, and what was done.",
    ),
    "header_damaged": Entry(
        _("{count} elements of the header cannot be read: they were left out."),
        note="Damaged elements of a header.",
    ),
    "header_incomplete": Entry(
        _("Missing in the header and assumed: {keywords}."),
        note="Attributes of the pixels that the header lacks.",
    ),
    "windows_not_pairs": Entry(
        _("WindowCenter has {centers} values and WindowWidth {widths}: only pairs count."),
        note="Numbers of window centers and widths differ.",
    ),
    "window_not_allowed": Entry(
        _("A stated window is not allowed by the standard: it was not used."),
        note="A window width of zero or less.",
    ),
    "view_shows_nothing": Entry(
        _("The stated {view:word} shows every pixel alike: it was not used."),
        note="A window or lookup table that hides the whole image.",
    ),
    "view_hides_much": Entry(
        _("The stated {view:word} hides {share:%} of the film's detail: it was not used."),
        note="A window or lookup table that was passed over for a better one.",
    ),
    "window_clips": Entry(
        _("The stated {view:word} hides {share:%} of the film's detail, perhaps bone."),
        note="The window in use leaves part of the image black or white.",
    ),
    "whole_range_used": Entry(
        _("The film was analysed with all its values, not as the stated window shows it."),
        note="The window hides part of the image, so it was not used for the analysis.",
    ),
    "several_voi_views": Entry(
        _("View {used} of {count} was used ({offered})."),
        note="A file offers several windows or lookup tables; they are counted from 0.",
    ),
    "raw_by_relationship": Entry(
        _("Raw detector image: shown by its intensity relationship, not by the maker's processing."),
        note="An image FOR PROCESSING.",
    ),
    "raw_as_stored": Entry(
        _("Raw detector image of unstated intensity relationship: shown as stored."),
        note="An image FOR PROCESSING whose greys are not described.",
    ),
    "polarity_statements_disagree": Entry(
        _("Photometric Interpretation {photometric} and Presentation LUT Shape {shape} differ: shape counts."),
        note="Two attributes disagree on which values are white.",
    ),
    "polarity_contradicts_pixels": Entry(
        _("By its description bone is bright, but air looks bright: black and white may be swapped in the file."),
        note="The image looks like a negative.",
    ),
    "photometric_missing": Entry(
        _("No Photometric Interpretation: low values are taken as black."),
        note="The header does not state which values are white.",
    ),
    "compressed_bits_differ": Entry(
        _("The header states {stated} bits, the compressed data has {held}."),
        note="Bits Stored is wrong.",
    ),
    "pixel_bits_differ": Entry(
        _("The header states {stated} bits, the pixels have {held}."),
        note="Bits Stored is wrong.",
    ),
    "pixel_data_over": Entry(
        _("The pixel data holds {bytes} bytes more than {rows} rows take: rows of the film may be missing."),
        note="Rows or Number of Frames may be wrong.",
    ),
    "padding_covers": Entry(
        _("The stated padding values cover {share:%} of the film's detail, perhaps bone: no padding was taken."),
        note="Pixel Padding Value and Range Limit hold values of the image itself (PS3.3 C.7.5.1.1.2).",
    ),
    "sign_disagrees": Entry(
        _("Header and codestream disagree on the sign of stored values: taken as {sign:word}."),
        note="Pixel Representation and compressed data differ.",
    ),
    "transfer_syntax_wrong": Entry(
        _("The file states {stated} and holds {held}: it was decoded as that."),
        note="The transfer syntax is not that of the pixel data.",
    ),
    "colour_converted": Entry(
        _("Stored in colour though it is grey: taken as its luminance."),
        note="A grey image in red, green and blue.",
    ),
    "tinted": Entry(
        _("The radiograph is toned in one hue: it was read as grey."),
        note="A radiograph in sepia or blue.",
    ),
    "colour_marks": Entry(
        _("Something in another colour is drawn into the picture, such as a box or text."),
        note="Annotations in the pixels.",
    ),
    "burned_in_annotation": Entry(
        _("The file says that text is burned into the pixels."),
        note="Burned In Annotation is YES.",
    ),
    "secondary_capture": Entry(
        _("A secondary capture: processing, scale and spacing may not be the original's."),
        note="A copy of an image, such as a screenshot or a scan.",
    ),
    "uid_invalid": Entry(
        _("{keyword} is no UID: one was made from it."),
        note="A UID that is no UID.",
    ),
    "uid_missing": Entry(
        _("{keyword} is missing: one was made from the pixel data."),
        note="A UID that is not there.",
    ),
    "date_in_future": Entry(
        _("{keyword} is in the future: it was not used."),
        note="A date that cannot be.",
    ),
    "date_before_birth": Entry(
        _("{keyword} is before the patient's birth: it was not used."),
        note="A date that cannot be.",
    ),
    "date_never_set": Entry(
        _("{keyword} is a day from which clocks count, as where nobody set a date: it was not used."),
        note="1899-12-30, 1899-12-31, 1900-01-01, 1970-01-01 or 1980-01-01.",
    ),
    "dates_disagree": Entry(
        _("{keyword} and StudyDate are more than a month apart: {keyword} was used."),
        note="Two dates of an image contradict each other.",
    ),
    "orientation_followed": Entry(
        _("Patient Orientation is {stated}, not L\\F: sides are taken from it."),
        note="A frontal image that is mirrored or upside down.",
    ),
    "orientation_turned": Entry(
        _("Patient Orientation is {stated}, not L\\F: the film lies turned, sides may be swapped."),
        note="A frontal image that lies on its side.",
    ),
    "laterality_conflict": Entry(
        _("{source} says {side:word}, {others} says otherwise."),
        note="Attributes disagree on the side that an image shows.",
    ),
    "view_conflict": Entry(
        _("The projection is {view:word} by {source}, but another by {others}."),
        note="Attributes disagree on the projection of an image.",
    ),
    "region_conflict": Entry(
        _("The region is {region:word} by {source}, but another by {others}."),
        note="Attributes name regions that one image does not show together.",
    ),
    "lossy_compression": Entry(
        _("The film went through lossy compression: faint bone may be lost, and traces of it look like bone."),
        note="Lossy compression of unknown kind.",
    ),
    "lossy_compression_known": Entry(
        _("The film went through lossy compression ({how}): faint bone may be lost, and traces of it look like bone."),
        note="Lossy compression; how names codec, quality and ratio.",
    ),
    "raster_file": Entry(
        _("Not DICOM: nothing says how it was made, what it shows, or how large a pixel is."),
        note="A PNG, JPEG or TIFF.",
    ),
    "turned_by_exif": Entry(
        _("The file says its picture is turned or mirrored: it was turned back."),
        note="EXIF or TIFF Orientation.",
    ),
    "alpha_dropped": Entry(
        _("Transparency was left out."),
        note="A picture with an alpha channel.",
    ),
    "spacing_missing": Entry(
        _("The file states no pixel spacing."),
        note="No millimetres in the header.",
    ),
    "raster_without_spacing": Entry(
        _("Raster files carry no spacing that can be believed."),
        note="No millimetres in a picture file.",
    ),
    "spacing_contradictory": Entry(
        _("PixelSpacing and {keyword} differ more than any magnification."),
        note="Two pixel spacings that contradict each other.",
    ),
    "spacings_differ": Entry(
        _("{taken} and {other} differ: {taken} was used."),
        note="Two pitches of one detector.",
    ),
    "calibration_without_change": Entry(
        _("PixelSpacing is said to be calibrated, but equals {keyword}: lengths may be at the detector."),
        note="By PS3.3 10.7.1.1 a calibrated spacing differs from the detector's.",
    ),
    "magnification_contradicts": Entry(
        _("PixelSpacing, {keyword} and the stated magnification contradict each other: PixelSpacing was used."),
        note="A calibrated spacing and a magnification that differ by more than a tenth.",
    ),
    "aspect_ratio_contradicts": Entry(
        _("PixelAspectRatio contradicts the pixel spacing, which was used."),
        note="Pixel Aspect Ratio is for images without a spacing (PS3.3 C.7.6.3.1.7).",
    ),
    "magnification_unknown": Entry(
        _("Lengths are at the detector: in the patient they are 5 to 25 % shorter."),
        note="The detector's pixel pitch without a magnification.",
    ),
    "magnification_implausible": Entry(
        _("The stated magnification is not between 1 and 2."),
        note="Estimated Radiographic Magnification Factor cannot be.",
    ),
    "magnification_disagrees": Entry(
        _("The stated magnification is not that of the stated distances: the magnification was used."),
        note="Estimated Radiographic Magnification Factor and source distances differ by more than a tenth.",
    ),
    "distances_implausible": Entry(
        _(
            "The distances from source to detector and patient make no magnification between 1 and 2: "
            "they were not used."
        ),
        note="Distances that were exchanged, or are in different units.",
    ),
    "spacing_of_screen": Entry(
        _("Pixel Spacing is that of a screen of 72 or 96 dots an inch, not of the film."),
        note="A secondary capture whose resolution tag was taken for a pixel spacing.",
    ),
    "spacing_placeholder": Entry(
        _("Pixel Spacing is exactly 1 x 1 mm on an image of unknown origin: a placeholder."),
        note="A pixel spacing that nobody measured.",
    ),
    "spacing_assumed": Entry(
        _("Nothing says whether Pixel Spacing is calibrated or the detector's."),
        note="A pixel spacing of unknown basis.",
    ),
    "resolution_low": Entry(
        _(
            "The film resolves about {resolution_mm:.1f} mm; {needed_mm:.2f} mm is asked for: its nodules"
            " are possible ones."
        ),
        note="An image too coarse to carry a grade.",
    ),
    "wrong.zero": Entry(
        _("is zero"),
        note="What is wrong with an attribute.",
    ),
    "wrong.no_number": Entry(
        _("is not a number"),
        note="What is wrong with an attribute.",
    ),
    "wrong.no_whole_number": Entry(
        _("is not a whole number"),
        note="What is wrong with an attribute.",
    ),
    "wrong.no_ratio": Entry(
        _("is not two numbers above 0"),
        note="What is wrong with an attribute.",
    ),
    "wrong.no_pair": Entry(
        _("is not two numbers"),
        note="What is wrong with an attribute.",
    ),
    "wrong.not_positive": Entry(
        _("is zero or negative"),
        note="What is wrong with an attribute.",
    ),
    "wrong.pitch": Entry(
        _("is outside {least_mm:g} to {most_mm:g} mm"),
        note="What is wrong with an attribute.",
    ),
    "wrong.extent": Entry(
        _("would make the film smaller than 2 cm or larger than 1.5 m"),
        note="What is wrong with an attribute.",
    ),
    "wrong.anisotropy": Entry(
        _("makes pixels more than twice as long as wide"),
        note="What is wrong with an attribute.",
    ),
    "wrong.range": Entry(
        _("is not {least} to {most}"),
        note="What is wrong with an attribute.",
    ),
    "wrong.neither": Entry(
        _("is neither {least} nor {most}"),
        note="What is wrong with an attribute.",
    ),
    "wrong.several": Entry(
        _("has several values where one is meant"),
        note="What is wrong with an attribute.",
    ),
    "wrong.repeated": Entry(
        _("has one value several times"),
        note="What is wrong with an attribute.",
    ),
    "wrong.decimal_comma": Entry(
        _("is written with a decimal comma, which was read as a point"),
        note="What is wrong with an attribute.",
    ),
    "wrong.no_term": Entry(
        _("is not a term of the standard"),
        note="What is wrong with an attribute.",
    ),
    "wrong.unknown_name": Entry(
        _("names none that is known"),
        note="What is wrong with an attribute.",
    ),
    "wrong.directions": Entry(
        _("is not two directions of the body"),
        note="What is wrong with an attribute.",
    ),
    "wrong.no_date": Entry(
        _("is not a date"),
        note="What is wrong with an attribute.",
    ),
    "wrong.no_sequence": Entry(
        _("is not a sequence"),
        note="What is wrong with an attribute.",
    ),
    "wrong.no_descriptor": Entry(
        _("has no descriptor of three numbers"),
        note="What is wrong with an attribute.",
    ),
    "wrong.no_data": Entry(
        _("has no data"),
        note="What is wrong with an attribute.",
    ),
    "wrong.data_no_numbers": Entry(
        _("has data that are no numbers"),
        note="What is wrong with an attribute.",
    ),
    "wrong.entries_wide": Entry(
        _("has entries of more than 16 bits"),
        note="What is wrong with an attribute.",
    ),
    "wrong.entries_zero": Entry(
        _("has only entries of zero"),
        note="What is wrong with an attribute.",
    ),
    "wrong.entries_few": Entry(
        _("states {stated} entries and has {held}"),
        note="What is wrong with an attribute.",
    ),
    "wrong.entries_in_words": Entry(
        _("states entries of {bits} bits and has two of 8 bits in each word"),
        note="What is wrong with an attribute.",
    ),
    "wrong.entry_bits": Entry(
        _("states entries of {stated} bits and has some of {held}: their range was taken"),
        note="What is wrong with an attribute.",
    ),
    "wrong.entry_bits_unstated": Entry(
        _("does not state the bits of an entry: {held} were taken"),
        note="What is wrong with an attribute.",
    ),
    "wrong.first_value_sign": Entry(
        _("has a first value of the other sign than its input: it was taken so"),
        note="What is wrong with an attribute.",
    ),
    "wrong.beside_table": Entry(
        _("contradicts ModalityLUTSequence, beside which it has no place"),
        note="What is wrong with an attribute (PS3.3 C.11.1).",
    ),
    "wrong.values_alike": Entry(
        _("makes values alike that differ"),
        note="What is wrong with an attribute: a number so large or small that rescaling loses the picture.",
    ),
    "taken.first": Entry(
        _("the first was used"),
        note="What was done in place of an attribute.",
    ),
    "taken.table": Entry(
        _("the lookup table was used"),
        note="What was done in place of an attribute.",
    ),
    "taken.number": Entry(
        _("{number} was taken"),
        note="What was taken in its place.",
    ),
    "taken.bits_allocated": Entry(
        _("Bits Allocated was taken"),
        note="What was taken in its place.",
    ),
    "taken.bits_stored_less_1": Entry(
        _("Bits Stored less 1 was taken"),
        note="What was taken in its place.",
    ),
    "taken.unsigned": Entry(
        _("unsigned was taken"),
        note="What was taken in its place.",
    ),
    "taken.no_padding": Entry(
        _("no padding was taken"),
        note="What was taken in its place.",
    ),
    "taken.padding_value": Entry(
        _("the padding value alone was taken"),
        note="What was taken in its place.",
    ),
    "taken.no_rescale": Entry(
        _("rescale was left out"),
        note="What was taken in its place.",
    ),
    "taken.no_rescale_polarity": Entry(
        _("rescale was left out, so black and white may be swapped"),
        note="What was taken in its place.",
    ),
    "taken.left_out": Entry(
        _("it was left out"),
        note="What was taken in its place.",
    ),
    "taken.not_used": Entry(
        _("it was not used"),
        note="What was taken in its place.",
    ),
    "taken.not_believed": Entry(
        _("it was not believed"),
        note="What was taken in its place.",
    ),
    "taken.stored_values": Entry(
        _("stored values are taken as they are"),
        note="What was taken in its place.",
    ),
    "taken.other_view": Entry(
        _("another view is used, or all values are shown"),
        note="What was taken in its place.",
    ),
    "taken.low_is_black": Entry(
        _("low values are taken as black"),
        note="What was taken in its place.",
    ),
    "taken.photometric": Entry(
        _("Photometric Interpretation counts"),
        note="What was taken in its place.",
    ),
    "taken.for_presentation": Entry(
        _("FOR PRESENTATION was taken"),
        note="What was taken in its place.",
    ),
    "taken.not_linear": Entry(
        _("it is not taken as LIN"),
        note="What was taken in its place.",
    ),
    "taken.raw_as_stored": Entry(
        _("a raw film is shown as stored"),
        note="What was taken in its place.",
    ),
    "taken.no_calibration": Entry(
        _("no calibration was taken"),
        note="What was taken in its place.",
    ),
    "taken.square_pixels": Entry(
        _("square pixels were taken"),
        note="What was taken in its place.",
    ),
    "taken.descriptions": Entry(
        _("descriptions count"),
        note="What was taken in its place.",
    ),
    "taken.laterality": Entry(
        _("Laterality and descriptions count"),
        note="What was taken in its place.",
    ),
    "taken.other_projection": Entry(
        _("the view is other than those known"),
        note="What was taken in its place.",
    ),
    "taken.usual_orientation": Entry(
        _("the film is taken to lie as films are read"),
        note="What was taken in its place.",
    ),
    "taken.next_date": Entry(
        _("the next date was taken"),
        note="What was taken in its place.",
    ),
    "taken.no_date": Entry(
        _("there is no date"),
        note="What was taken in its place.",
    ),
    "taken.no_early_date": Entry(
        _("no date is too early"),
        note="What was taken in its place.",
    ),
    "taken.transfer_syntax": Entry(
        _("the transfer syntax tells"),
        note="What was taken in its place.",
    ),
    "taken.no_text": Entry(
        _("no text was taken"),
        note="What was taken in its place.",
    ),
}

"""Files and images that cannot be read."""

from __future__ import annotations

from ho_imaging.messages.entry import Entry
from ho_imaging.messages.entry import mark as _

__all__ = ["ENTRIES"]

ENTRIES: dict[str, Entry] = {
    "file_missing": Entry(
        _("does not exist"),
        _("check the path"),
        note="A path that was given is not there.",
    ),
    "file_empty": Entry(
        _("is empty"),
        _("send the file again"),
        note="A file of 0 bytes.",
    ),
    "file_unreadable": Entry(
        _("cannot be read: {detail}"),
        _("check the path and your rights to it"),
        note="The operating system refuses to read a file or folder.",
    ),
    "file_too_large": Entry(
        _("is larger than {most_gib} GiB"),
        _("split it"),
        note="A file above the size that is read.",
    ),
    "file_packed": Entry(
        _("is packed"),
        _("unpack it"),
        note="A ZIP, gzip, 7z or similar file.",
    ),
    "file_of_other_kind": Entry(
        _("is not an image file"),
        _("give DICOM, PNG, JPEG or TIFF"),
        note="A file that is neither DICOM nor a picture.",
    ),
    "file_not_regular": Entry(
        _("is not a regular file"),
        note="A pipe, socket or device in a folder.",
    ),
    "file_twice": Entry(
        _("is the same file as {path}: that one is used"),
        note="Two paths or links lead to one file.",
    ),
    "file_unnamed": Entry(
        _("another file"),
        note="How a file is named where paths are left out (--anonymous).",
    ),
    "folder_empty": Entry(
        _("holds no files"),
        note="A folder without a file in it.",
    ),
    "dicomdir": Entry(
        _("is a DICOMDIR, not an image"),
        _("give the folder it lies in"),
        note="The index of a DICOM medium.",
    ),
    "dicomdir_file_missing": Entry(
        _("is listed in {dicomdir} and not there"),
        note="A DICOMDIR lists an image that is not where it says.",
    ),
    "dicomdir_empty": Entry(
        _("is a DICOMDIR that lists no images"),
        note="The index of a DICOM medium without images.",
    ),
    "archive_member_encrypted": Entry(
        _("is encrypted"),
        _("unpack it with its password and give the folder"),
        note="A file in a zip archive needs a password.",
    ),
    "archive_nested": Entry(
        _("is an archive in an archive"),
        _("unpack it and give the folder"),
        note="A zip, gzip or similar file in a zip archive.",
    ),
    "archive_in_folder": Entry(
        _("is a zip archive in a folder, which is not looked into"),
        _("give the archive itself, or unpack it"),
        note="Archives are read where they are given, not where they are found.",
    ),
    "archive_empty": Entry(
        _("is a zip archive without files"),
        note="Nothing in a zip archive, or nothing but what this program wrote.",
    ),
    "archive_member_damaged": Entry(
        _("cannot be unpacked ({error})"),
        _("send the archive again, or unpack it and give the folder"),
        note="A file in a zip archive is damaged.",
    ),
    "copy_of_first": Entry(
        _("same SOP Instance UID as {used}: the first one is used"),
        note="A copy of an image that was found before.",
    ),
    "copy_of_larger": Entry(
        _("same SOP Instance UID as {used}: the larger one is used"),
        note="A copy that was cut off: a whole one is there.",
    ),
    "copy": Entry(
        _("same SOP Instance UID as {used}: that one is used"),
        note="A copy of another image of the same study.",
    ),
    "copy_of_picture": Entry(
        _("holds the same picture as {used}: that one is used"),
        note="A copy of a picture file (PNG, JPEG or TIFF): these have no SOP Instance UID.",
    ),
    "raw_twin": Entry(
        _("raw image (FOR PROCESSING) of a study that also holds the processed films: these are used"),
        note="A raw image whose processed image is there too.",
    ),
    "dicom_damaged": Entry(
        _("is damaged DICOM ({kind})"),
        _("send the file again"),
        note="The DICOM parser failed on a file.",
    ),
    "dicom_unknown": Entry(
        _("is not DICOM: it has none of the attributes of an image"),
        _("check what it is"),
        note="A file that begins like DICOM and is none.",
    ),
    "dicom_pixels_cut": Entry(
        _("is truncated: its pixel data end early"),
        _("send the file again"),
        note="A file that ends within compressed pixel data.",
    ),
    "dicom_inflates": Entry(
        _("unpacks to more than {most_gib} GiB"),
        _("send it in another transfer syntax"),
        note="A deflated file that would fill the memory.",
    ),
    "modality_damaged": Entry(
        _("has a damaged Modality"),
        _("send the file again"),
        note="The attribute Modality holds control characters or a long text.",
    ),
    "size_unread": Entry(
        _("is damaged: {keywords} is no number above 0"),
        _("send the file again"),
        note="Rows or Columns is empty, zero, or not a number.",
    ),
    "palette_unusable": Entry(
        _("has a palette whose table of {colour} cannot be used: {wrong}"),
        _("ask for it in grey"),
        note="A PALETTE COLOR image whose lookup tables are missing or damaged.",
    ),
    "rows_missing": Entry(
        _("is damaged: {object} without rows and columns"),
        _("send the file again"),
        note="A radiograph's header without the image's size.",
    ),
    "header_unusable": Entry(
        _("has a header that cannot be used ({kind})"),
        _("send the file again"),
        note="A header made a library fail.",
    ),
    "memory_short": Entry(
        _("needs more memory than there is"),
        _("use a machine with more memory"),
        note="Reading an image took all memory.",
    ),
    "own_output": Entry(
        _("is an output of an earlier run, not a film"),
        note="A file that this program wrote lies among the images.",
    ),
    "folder_of_results": Entry(
        _("holds outputs of an earlier run: they are not read as films"),
        note="A folder that this program wrote results into lies among the images.",
    ),
    "own_result": Entry(
        _("is a result of this program, not a film"),
        _("leave it out"),
        note="A DICOM object that this program wrote.",
    ),
    "not_an_image": Entry(
        _("is not an image: {object}"),
        _("leave it out"),
        note="A DICOM object without pixels, by its class or modality.",
    ),
    "no_pixels": Entry(
        _("is a DICOM object without pixels, not an image"),
        _("leave it out"),
        note="A DICOM object without pixels, class or modality.",
    ),
    "not_a_projection": Entry(
        _("is not a projection radiograph: {object}"),
        _("give CR, DX, RF or SC images"),
        note="CT, MR, ultrasound and other images.",
    ),
    "several_frames": Entry(
        _("holds {frames} frames, not one film"),
        _("choose one with frame=0 and so on"),
        note="An image of several frames; none was chosen.",
    ),
    "several_pages": Entry(
        _("holds {pages} pages, not one film"),
        _("choose one with frame=0 and so on"),
        note="A TIFF of several pages; none was chosen.",
    ),
    "image_too_small": Entry(
        _("is only {rows} x {columns} pixels"),
        _("give the full image"),
        note="An icon or a thumbnail.",
    ),
    "spacing_too_large": Entry(
        _("would be {length_m:.1f} m long with spacing_mm {row_mm:g} x {column_mm:g}"),
        _("give row and column in mm"),
        note="The caller's pixel spacing is absurd for the image.",
    ),
    "too_many_pixels": Entry(
        _("declares {rows} x {columns} pixels, above the limit of {most_pixels}"),
        _("pass a larger max_pixels if the size is real"),
        note="The declared size is above the limit; no memory was taken.",
    ),
    "no_pixel_data": Entry(
        _("holds no pixel data"),
        _("send the file again"),
        note="A radiograph's header alone.",
    ),
    "float_pixels": Entry(
        _("holds floating point pixels, which no radiograph has"),
        _("convert it to integers"),
        note="Float Pixel Data in place of Pixel Data.",
    ),
    "pixel_format_unusual": Entry(
        _("stores {samples} sample(s) of {bits} of {allocated} bits, which no radiograph does"),
        _("convert it to 8 or 16 bits"),
        note="Bits or samples a pixel that are not read.",
    ),
    "pixel_data_short": Entry(
        _("is truncated: {present} of {expected} bytes of pixel data are there"),
        _("send the file again"),
        note="A file that was cut off on its way.",
    ),
    "pixel_data_long": Entry(
        _("declares {expected} bytes of pixel data but holds {present}"),
        _("have the header corrected"),
        note="Rows, bits or frames are not what the header states.",
    ),
    "size_differs": Entry(
        _("declares {rows} x {columns} pixels but holds {held_rows} x {held_columns}"),
        _("send the file again"),
        note="The decoded image has another size than the header states.",
    ),
    "compression_unstated": Entry(
        _("is compressed and does not state how"),
        _("write it with file meta information"),
        note="A data set in memory without a transfer syntax.",
    ),
    "syntax_unknown": Entry(
        _("states the unknown transfer syntax {syntax}"),
        _("ask for it uncompressed (Explicit VR Little Endian)"),
        note="A private or damaged transfer syntax.",
    ),
    "codestream_other": Entry(
        _("has {syntax} data that does not begin as such, or that is of a kind not decoded here"),
        _("ask for it uncompressed (Explicit VR Little Endian)"),
        note="Compressed data that does not begin as its transfer syntax wants.",
    ),
    "codestream_cut": Entry(
        _("is truncated: the {syntax} data has no end marker"),
        _("send the file again"),
        note="Compressed data that was cut off.",
    ),
    "codestream_size": Entry(
        _("declares {rows} x {columns} pixels, its {syntax} data {held_rows} x {held_columns}"),
        _("send the file again"),
        note="Header and compressed data state different sizes.",
    ),
    "codestream_samples": Entry(
        _("declares {samples} values a pixel, its {syntax} data {held_samples}"),
        _("send the file again"),
        note="Header and compressed data state different numbers of channels.",
    ),
    "codestream_undecoded": Entry(
        _("cannot be decoded: no decoder here reads {syntax} with {samples} x {bits} bits"),
        _("ask for it uncompressed or in a lossless transfer syntax"),
        note="A rare kind of compressed data.",
    ),
    "codestream_damaged": Entry(
        _("has damaged {syntax} data: {detail}"),
        _("send the file again"),
        note="Compressed data that cannot be taken apart.",
    ),
    "frame_missing": Entry(
        _("holds no frame {frame}"),
        _("send the file again"),
        note="Compressed data with fewer frames than stated.",
    ),
    "decoding_failed": Entry(
        _("cannot be decoded from {syntax}: {detail}"),
        _("ask for it in another transfer syntax, uncompressed for one"),
        note="The decoder failed on the compressed data.",
    ),
    "high_bit_wrong": Entry(
        _("states high bit {high} for {bits} of {allocated} bits"),
        _("have the header corrected"),
        note="High Bit does not fit Bits Stored and Bits Allocated.",
    ),
    "syntax_and_data_differ": Entry(
        _("states {stated} and holds {held}, and it {problem:problem}"),
        _("{problem:remedy}"),
        note="Pixel data is not what the transfer syntax says, and cannot be read as what it is.",
    ),
    "syntax_data_unknown": Entry(
        _("states {stated} and holds compressed data of a kind that is not known here"),
        _("have its transfer syntax corrected"),
        note="An uncompressed transfer syntax with compressed data of no known kind.",
    ),
    "syntax_data_none": Entry(
        _("states {stated} and holds {bytes} bytes that are no items of compressed data"),
        _("send the file again, or have its transfer syntax corrected"),
        note="A compressed transfer syntax without compressed data.",
    ),
    "colour_picture": Entry(
        _("is a colour picture, not a radiograph: its colours are not grey in one tint"),
        _("give the original grey image"),
        note="A photograph or an image shown through a colour map.",
    ),
    "evenly_coloured": Entry(
        _("is an evenly coloured picture, not a radiograph"),
        _("leave it out"),
        note="A picture of one colour.",
    ),
    "raster_damaged": Entry(
        _("is a damaged {format} ({kind})"),
        _("send it again"),
        note="A PNG, JPEG or TIFF that cannot be decoded.",
    ),
    "raster_without_rows": Entry(
        _("is a damaged {format} (no picture of rows and columns)"),
        _("send it again"),
        note="A picture file without a picture.",
    ),
    "tiff_without_pages": Entry(
        _("is a damaged TIFF (no pages)"),
        _("send it again"),
        note="A TIFF that holds no page.",
    ),
    "tiff_page_of_several": Entry(
        _("holds more than one grey picture a page"),
        _("give one grey page"),
        note="A TIFF page of several planes or depths.",
    ),
    "samples_unsupported": Entry(
        _("holds {samples} samples"),
        _("export it as 8 or 16 bit"),
        note="A TIFF with samples of a type that is not read.",
    ),
    "samples_not_numbers": Entry(
        _("holds values that are no numbers"),
        _("export it again as 16 bit"),
        note="A floating point TIFF with NaN or infinity.",
    ),
    "samples_too_deep": Entry(
        _("holds more than 16 bits a sample"),
        _("export it as 8 or 16 bit"),
        note="A picture whose values do not fit 16 bits.",
    ),
    "raster_too_large": Entry(
        _("is {rows} x {columns} pixels, above the limit of {most_pixels}"),
        _("make it smaller"),
        note="A picture above the limit; no memory was taken.",
    ),
    "raster_bomb": Entry(
        _("is larger than the limit of {most_pixels} pixels"),
        _("make it smaller"),
        note="A picture far above the limit.",
    ),
    "held.uncompressed": Entry(
        _("uncompressed data"),
        note="What pixel data holds.",
    ),
    "held.bare": Entry(
        _("bare {coding} data"),
        note="What pixel data holds.",
    ),
    "held.coded": Entry(
        _("{coding} data"),
        note="What pixel data holds.",
    ),
}

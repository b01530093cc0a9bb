"""Stored values bit by bit, in every transfer syntax, whole or not."""

import struct
from io import BytesIO

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from ho_imaging.errors import DecodeError, NotARadiographError, ReadError, TooLargeError, UsageError
from ho_imaging.reading import read_radiograph
from ho_imaging.reading.decode import _has_endless_box, decode_frame
from ho_imaging.reading.uid import is_uid
from ho_imaging.vocabulary import Region

WINDOW = {"WindowCenter": 1024, "WindowWidth": 2049}


def codes(radiograph):
    return {flag.code for flag in radiograph.quality}


@pytest.mark.parametrize("syntax", [None, RLELossless])
def test_overlay_bits_above_the_stored_ones_are_masked(make_film, ramp, syntax):
    expected = read_radiograph(make_film(**WINDOW)).pixels
    film = make_film(ramp | 0x8000, BitsStored=12, **WINDOW)
    if syntax:
        film.PixelData = (ramp | 0x8000).tobytes()
        film.compress(syntax)
    np.testing.assert_array_equal(read_radiograph(film).pixels, expected)


def test_pixels_wider_than_the_stored_bits_are_kept_and_said(make_film):
    """Masked they would be a sawtooth; a picture in unused bits that an overlay announces is none of the film."""
    wide = np.tile(np.arange(128, dtype=np.uint16) * 100, (96, 1))  # to 12700: 14 bits
    film = read_radiograph(make_film(wide, BitsStored=12))
    assert "bits_stored_wrong" in codes(film)
    assert (np.diff(film.pixels, axis=1) > 0).all()
    overlay = make_film(wide, BitsStored=12)
    overlay.add_new((0x6000, 0x0102), "US", 12)
    masked = read_radiograph(overlay)
    assert "bits_stored_wrong" not in codes(masked)
    np.testing.assert_array_equal(masked.pixels, read_radiograph(make_film(wide & 0xFFF, BitsStored=12)).pixels)


@pytest.mark.parametrize("high_bit", [11, 13, 15])
def test_values_are_taken_from_below_the_high_bit(make_film, ramp, high_bit):
    shifted = (ramp << (high_bit - 11)).astype(np.uint16) | (3 if high_bit > 12 else 0)
    film = make_film(shifted, BitsStored=12, HighBit=high_bit, **WINDOW)
    np.testing.assert_array_equal(read_radiograph(film).pixels, read_radiograph(make_film(**WINDOW)).pixels)


def test_the_sign_is_extended_from_the_stored_bits(make_film, ramp):
    signed = ramp.astype(np.int32) - 1000
    window = {"WindowCenter": 24, "WindowWidth": 2049}
    cells = (signed & 0xFFF).astype(np.uint16)
    film = make_film(cells, BitsStored=12, PixelRepresentation=1, **window)
    expected = read_radiograph(make_film(signed.astype(np.int16), **window)).pixels
    np.testing.assert_array_equal(read_radiograph(film).pixels, expected)
    assert expected[0, 0] < expected[0, -1]


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless])
@pytest.mark.parametrize("kind", [np.uint16, np.int16])
def test_lossless_syntaxes_give_the_same_pixels(make_film, ramp, syntax, kind):
    pixels = ramp.astype(kind)
    plain, packed = make_film(pixels), make_film(pixels)
    packed.compress(syntax)
    np.testing.assert_array_equal(read_radiograph(packed).pixels, read_radiograph(plain).pixels)


def lossless_jpeg(values, bits, transform):
    """A codestream (ISO/IEC 10918-1, process 14): predictor 1, each length of a difference as itself in 5 bits."""
    reduced = (values >> transform).astype(int)
    before = np.empty_like(reduced)
    before[:, 1:], before[1:, 0] = reduced[:, :-1], reduced[:-1, 0]
    before[0, 0] = 1 << (bits - transform - 1)
    code = ""
    for difference in (reduced - before).ravel().tolist():
        length = abs(difference).bit_length()
        code += f"{length:05b}"
        if length:
            code += f"{difference if difference > 0 else difference + (1 << length) - 1:0{length}b}"
    code += "1" * (-len(code) % 8)
    scan = int(code, 2).to_bytes(len(code) // 8, "big").replace(b"\xff", b"\xff\x00")
    frame = struct.pack(">HBHHBBBB", 11, bits, *values.shape, 1, 1, 0x11, 0)
    table = struct.pack(">HB", 36, 0) + bytes(17 if place == 4 else 0 for place in range(16)) + bytes(range(17))
    header = struct.pack(">HBBBBBB", 8, 1, 1, 0, 1, 0, transform)
    return b"\xff\xd8\xff\xc3" + frame + b"\xff\xc4" + table + b"\xff\xda" + header + scan + b"\xff\xd9"


@pytest.mark.parametrize("transform", [0, 2])
def test_lossless_jpeg_is_multiplied_by_what_its_point_transform_divided_by(make_film, ramp, transform):
    values = ramp + np.arange(96, dtype=np.uint16)[:, None] % 16
    film = make_film(BitsStored=12, **WINDOW)
    film.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    film.PixelData = encapsulate([lossless_jpeg(values, 12, transform)])
    film["PixelData"].VR = "OB"
    plain = make_film(values >> transform << transform, BitsStored=12, **WINDOW)
    np.testing.assert_array_equal(read_radiograph(film).pixels, read_radiograph(plain).pixels)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_files_of_every_native_syntax_with_and_without_preamble(make_film, as_bytes, ramp, syntax):
    film = make_film()
    expected = read_radiograph(make_film()).pixels
    film.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian:
        film.PixelData = ramp.byteswap().tobytes()
        film["PixelData"].VR = "OW"
    data = as_bytes(film)
    np.testing.assert_array_equal(read_radiograph(data).pixels, expected)
    np.testing.assert_array_equal(read_radiograph(data[132:]).pixels, expected)


def test_a_data_set_from_memory_needs_no_file_meta_and_is_left_as_it_was(make_film):
    film = make_film(PixelRepresentation=None)
    del film.file_meta
    before = {element.tag for element in film}
    radiograph = read_radiograph(film)
    assert "header_incomplete" in codes(radiograph)
    assert {element.tag for element in film} == before
    assert not hasattr(film, "file_meta")


@pytest.mark.parametrize(
    "keyword", ["PhotometricInterpretation", "BitsStored", "SamplesPerPixel", "PixelRepresentation"]
)
def test_what_a_header_lacks_is_assumed_and_said(make_film, keyword):
    radiograph = read_radiograph(make_film(**{keyword: None}))
    message = next(str(flag.message) for flag in radiograph.quality if flag.code == "header_incomplete")
    assert keyword in message
    np.testing.assert_array_equal(radiograph.pixels, read_radiograph(make_film()).pixels)


@pytest.mark.parametrize("syntax", [None, RLELossless, JPEG2000Lossless])
@pytest.mark.parametrize("spelled", ["monochrome1", " MONOCHROME1"])
@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's own, for making such a film
def test_a_photometric_interpretation_is_known_however_it_is_spelled(make_film, syntax, spelled):
    expected = read_radiograph(make_film(PhotometricInterpretation="MONOCHROME1")).pixels
    film = make_film()
    if syntax:
        film.compress(syntax)
    film.PhotometricInterpretation = spelled
    np.testing.assert_array_equal(read_radiograph(film).pixels, expected)
    assert film.PhotometricInterpretation == spelled


@pytest.mark.parametrize(
    ("signed", "bits", "vr", "stated", "cell"),
    [
        (False, 16, "US", 65535, 0xFFFF),
        (False, 16, "SS", -1, 0xFFFF),
        (False, 12, "US", 65535, 0x0FFF),
        (False, 12, "US", 65535, 0xFFFF),
        (True, 16, "SS", -2000, 0xF830),
        (True, 16, "US", 0xF830, 0xF830),
        (True, 12, "SS", -2000, 0x0830),
        (True, 12, "US", 0x0830, 0xF830),
        (True, 12, "US", 0x0064, 0x0064),
    ],
)
def test_a_padding_value_is_read_as_the_pixels_are(make_film, ramp, signed, bits, vr, stated, cell):
    pixels = ramp + 101  # no film pixel is the padding value
    pixels[10:30, 20:50] = cell
    film = make_film(pixels, BitsStored=bits, PixelRepresentation=int(signed))
    film.add_new(0x00280120, vr, stated)
    expected = np.zeros(ramp.shape, dtype=bool)
    expected[10:30, 20:50] = True
    np.testing.assert_array_equal(read_radiograph(film).padding, expected)


def test_a_padding_value_that_is_none_does_not_lose_the_film(make_film):
    radiograph = read_radiograph(make_film(PixelPaddingValue=[0, 0]))
    assert radiograph.padding is None
    np.testing.assert_array_equal(radiograph.pixels, read_radiograph(make_film()).pixels)


def test_truncated_native_pixels_are_an_error(make_film, ramp):
    with pytest.raises(DecodeError, match="truncated"):
        read_radiograph(make_film(PixelData=ramp.tobytes()[:-200]))


@pytest.mark.parametrize("wrong", [{"Rows": 64, "Columns": 96}, {"BitsAllocated": 8, "BitsStored": 8}, {}])
def test_pixels_of_twice_the_declared_size_are_an_error(make_film, ramp, wrong):
    """Half a film, bytes of words, or the first of frames that nobody counted would be read as a whole film."""
    with pytest.raises(DecodeError, match=r"declares [\d,]+ bytes of pixel data but holds"):
        read_radiograph(make_film(PixelData=ramp.tobytes() * (1 if wrong else 2), **wrong))
    filled = read_radiograph(make_film(PixelData=ramp.tobytes() + bytes(4096)))
    np.testing.assert_array_equal(filled.pixels, read_radiograph(make_film()).pixels)


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless, RLELossless])
@pytest.mark.parametrize("left", [0.3, 0.7, 0.98])
def test_truncated_compressed_pixels_are_an_error(make_film, syntax, left):
    rng = np.random.default_rng(3)
    film = make_film(rng.integers(0, 4096, (96, 128)).astype(np.uint16))
    film.compress(syntax)
    frame = pydicom.encaps.get_frame(film.PixelData, 0, number_of_frames=1)
    film.PixelData = pydicom.encaps.encapsulate([frame[: int(len(frame) * left)]])
    with pytest.raises(DecodeError):
        read_radiograph(film)


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless, RLELossless])
@pytest.mark.parametrize("left", [0.5, 0.99])
def test_a_file_that_ends_within_its_compressed_pixels_is_truncated(make_film, syntax, left, tmp_path):
    rng = np.random.default_rng(3)
    film = make_film(rng.integers(0, 4096, (96, 128)).astype(np.uint16))
    film.compress(syntax)
    film.save_as(tmp_path / "film.dcm", enforce_file_format=True)
    cut = tmp_path / "film.dcm"
    cut.write_bytes(cut.read_bytes()[: int(cut.stat().st_size * left)])
    for source in (cut, cut.read_bytes()):
        with pytest.raises(DecodeError, match="truncated"):
            read_radiograph(source)


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless])
def test_a_codestream_of_another_size_is_not_decoded(make_film, syntax):
    film = make_film()
    film.compress(syntax)
    film.Rows = 95
    with pytest.raises(DecodeError, match=r"95 x 128 pixels.*96 x 128"):
        read_radiograph(film)


def test_more_bits_than_declared_are_kept_and_said(make_film):
    film = make_film(BitsStored=12)
    film.compress(JPEG2000Lossless)
    film.BitsStored, film.HighBit = 10, 9
    radiograph = read_radiograph(film)
    assert "bits_stored_wrong" in codes(radiograph)
    np.testing.assert_array_equal(radiograph.pixels, read_radiograph(make_film()).pixels)


def test_declared_sizes_are_bounded_before_memory_is_taken(make_film):
    with pytest.raises(TooLargeError, match="65535 x 65535"):
        read_radiograph(make_film(Rows=65535, Columns=65535))
    with pytest.raises(TooLargeError):
        read_radiograph(make_film(), max_pixels=1000)


def test_several_frames_are_refused_unless_one_is_chosen(make_film, ramp):
    film = make_film(NumberOfFrames=2, PixelData=ramp.tobytes() + ramp[:, ::-1].tobytes())
    with pytest.raises(NotARadiographError, match="2 frames"):
        read_radiograph(film)
    np.testing.assert_array_equal(read_radiograph(film, frame=1).pixels, read_radiograph(film, frame=0).pixels[:, ::-1])
    with pytest.raises(UsageError, match="no frame 2"):
        read_radiograph(film, frame=2)


def _item(**attributes):
    item = pydicom.Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def test_a_frame_is_read_with_what_functional_groups_say_of_it(make_film, as_bytes, ramp):
    shared = _item(
        PixelMeasuresSequence=[_item(PixelSpacing=[0.25, 0.3])],
        PixelValueTransformationSequence=[_item(RescaleSlope=2, RescaleIntercept=-100)],
        FrameVOILUTSequence=[_item(WindowCenter=1000, WindowWidth=1001)],
    )
    own = [
        _item(FrameAnatomySequence=[_item(FrameLaterality=side, AnatomicRegionSequence=[_item(CodeValue="T-15710")])])
        for side in "LR"
    ]
    own[1].FrameVOILUTSequence = [_item(WindowCenter=2000, WindowWidth=2001)]
    film = make_film(
        NumberOfFrames=2, PixelData=ramp.tobytes() * 2, SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=own,
    )  # fmt: skip
    for source in (film, as_bytes(film)):
        for frame, (center, side) in enumerate([(1000, "left"), (2000, "right")]):
            radiograph = read_radiograph(source, frame=frame)
            # PS3.3 C.11.2.1.2, LINEAR, of 2 x - 100
            expected = np.clip((2.0 * ramp[0] - 100 - (center - 0.5)) / center + 0.5, 0, 1)
            np.testing.assert_allclose(radiograph.pixels[0], expected, atol=1e-5)
            assert (radiograph.spacing.row_mm, radiograph.spacing.column_mm) == (0.25, 0.3)
            assert (radiograph.region.value, radiograph.laterality.value) == ("hip", side)
    assert "PixelSpacing" not in film


def test_unknown_transfer_syntaxes_and_odd_pixels_are_named(make_film):
    film = make_film()
    film.file_meta.TransferSyntaxUID = "1.2.3.4.5"
    with pytest.raises(DecodeError, match=r"1\.2\.3\.4\.5"):
        read_radiograph(film)
    with pytest.raises(NotARadiographError, match="32 bits"):
        read_radiograph(make_film(np.zeros((96, 128), dtype=np.uint32)))
    with pytest.raises(NotARadiographError, match="floating"):
        read_radiograph(make_film(PixelData=None, FloatPixelData=bytes(96 * 128 * 4)))
    with pytest.raises(DecodeError, match="no pixel data"):
        read_radiograph(make_film(PixelData=None))
    with pytest.raises(NotARadiographError, match="only 20 x 128"):
        read_radiograph(make_film(np.zeros((20, 128), dtype=np.uint16)))


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
def test_grey_in_colour_is_luminance_and_photographs_are_refused(make_film, ramp, photometric):
    grey = np.repeat((ramp >> 3).astype(np.uint8)[..., None], 3, axis=2)
    if photometric == "YBR_FULL":
        grey[..., 1:] = 128
    radiograph = read_radiograph(make_film(grey, PhotometricInterpretation=photometric))
    assert "colour_converted" in codes(radiograph)
    np.testing.assert_allclose(radiograph.pixels * 255, ramp >> 3, atol=1.0)
    rng = np.random.default_rng(1)
    with pytest.raises(NotARadiographError, match="colour picture"):
        read_radiograph(make_film(rng.integers(0, 255, (96, 128, 3)).astype(np.uint8)))


def test_grey_in_luminance_and_differences_that_is_called_rgb_is_grey(make_film, ramp):
    """GDCM's JPEG of a grey RGB picture: no JFIF marker, the differences at 128, and RGB in the header."""
    luminance = (ramp >> 3).astype(np.uint8)
    kept = np.stack([luminance, np.full_like(luminance, 128), np.full_like(luminance, 127)], axis=-1)
    radiograph = read_radiograph(make_film(kept))
    assert "colour_converted" in codes(radiograph)
    np.testing.assert_allclose(radiograph.pixels * 255, luminance, atol=1e-3)
    kept[20:60, 20:60, 1] = 160
    with pytest.raises(NotARadiographError, match="colour picture"):
        read_radiograph(make_film(kept))


def test_16_bit_grey_in_colour_keeps_its_range(make_film, ramp):
    deep = np.repeat((ramp * 32)[..., None], 3, axis=2)
    np.testing.assert_allclose(read_radiograph(make_film(deep)).pixels, ramp * 32 / 65535, atol=1e-4)


def test_one_damaged_element_does_not_lose_the_film(make_film, as_bytes):
    film = make_film(PatientAge="040Y", StudyTime="101010")
    film.add_new(0x00181000, "LO", "abcd")
    data = as_bytes(film).replace(b"LO\x04\x00abcd", b"FD\x04\x00abcd")  # an FD has 8 bytes
    radiograph = read_radiograph(data)
    assert "header_damaged" in codes(radiograph)
    np.testing.assert_array_equal(radiograph.pixels, read_radiograph(make_film()).pixels)


def test_a_damaged_element_of_a_data_set_in_memory_does_not_lose_the_film_either(make_film, as_bytes):
    region = pydicom.Dataset()
    region.CodeValue, region.CodeMeaning = "T-15710", "abcd"
    film = make_film(PatientID="abcd", WindowWidth="2049", WindowCenter="1024", AnatomicRegionSequence=[region])
    data = as_bytes(film)
    for element in (b"LO\x04\x00abcd", b"DS\x04\x002049"):
        assert element in data
        data = data.replace(element, b"FD" + element[2:])  # an FD has 8 bytes
    received = pydicom.dcmread(BytesIO(data))
    radiograph = read_radiograph(received)
    said = {flag.code: str(flag.message) for flag in radiograph.quality}
    assert said["header_damaged"].startswith("3 ")
    assert radiograph.region.value is Region.HIP
    np.testing.assert_array_equal(radiograph.pixels, read_radiograph(make_film()).pixels)
    assert "PatientID" in received
    assert "CodeMeaning" in received.AnatomicRegionSequence[0]
    np.testing.assert_array_equal(read_radiograph(data).pixels, radiograph.pixels)


@pytest.mark.parametrize(
    ("modality", "sop_class", "named"),
    [
        ("CT", pydicom.uid.CTImageStorage, "CT"),
        ("MR", pydicom.uid.MRImageStorage, "MR"),
        ("XC", pydicom.uid.VLPhotographicImageStorage, "XC"),
        ("XA", pydicom.uid.XRayAngiographicImageStorage, "XA"),
        ("", pydicom.uid.NuclearMedicineImageStorage, "Nuclear Medicine"),
        ("", pydicom.uid.RTDoseStorage, "RT Dose"),
        ("", pydicom.uid.RTImageStorage, "RT Image"),
        ("", pydicom.uid.XRayAngiographicImageStorage, "X-Ray Angiographic"),
        ("OT", pydicom.uid.PositronEmissionTomographyImageStorage, "Positron"),
    ],
)
def test_other_modalities_are_refused_by_name(make_film, modality, sop_class, named):
    with pytest.raises(NotARadiographError, match=f"not a projection radiograph: {named}"):
        read_radiograph(make_film(Modality=modality, SOPClassUID=sop_class))


@pytest.mark.parametrize(
    ("modality", "sop_class"),
    [
        ("", pydicom.uid.DigitalXRayImageStorageForPresentation),
        ("", pydicom.uid.SecondaryCaptureImageStorage),
        ("RF", pydicom.uid.XRayRadiofluoroscopicImageStorage),
        ("RF", pydicom.uid.XRayAngiographicImageStorage),
        ("CR", "1.2.826.0.1.3680043.9.9999.1"),  # a maker's own
    ],
)
def test_films_of_every_class_that_holds_films_are_read(make_film, modality, sop_class):
    assert read_radiograph(make_film(Modality=modality, SOPClassUID=sop_class)).pixels.shape == (96, 128)


def test_objects_without_an_image_are_refused_by_name():
    dataset = pydicom.Dataset()
    dataset.SOPClassUID = pydicom.uid.GrayscaleSoftcopyPresentationStateStorage
    dataset.Modality = "PR"
    with pytest.raises(NotARadiographError, match="not an image: Grayscale Softcopy Presentation State"):
        read_radiograph(dataset)


def test_flags_of_origin(make_film):
    found = codes(read_radiograph(make_film(LossyImageCompression="01", BurnedInAnnotation="YES")))
    assert {"lossy_compression", "burned_in_annotation"} <= found
    assert not {"lossy_compression", "burned_in_annotation"} & codes(read_radiograph(make_film()))


def test_missing_uids_are_made_the_same_each_time(make_film):
    film = make_film(StudyInstanceUID=None, SOPInstanceUID=None)
    first, second = read_radiograph(film), read_radiograph(film)
    assert first.study_uid == second.study_uid != first.sop_instance_uid
    assert first.study_uid.startswith("2.25.")
    assert "uid_missing" in codes(first)


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
@pytest.mark.parametrize("text", ["DOE^JOHN", "../../etc", "1.2." + "3" * 70])
@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's own, for making such a film
def test_what_is_no_uid_is_replaced_by_one_made_from_it(make_film, keyword, text):
    radiograph = read_radiograph(make_film(**{keyword: text}))
    found = [radiograph.study_uid, radiograph.series_uid, radiograph.sop_instance_uid]
    assert all(is_uid(uid) for uid in found)
    assert "uid_invalid" in codes(radiograph)
    again = read_radiograph(make_film(**{keyword: text, "PatientID": "other"}))
    assert [again.study_uid, again.series_uid, again.sop_instance_uid] == found


def _pydicom_film(name):
    path = get_testdata_file(name, download=False)
    if path is None:
        pytest.skip(f"pydicom-data does not carry {name}")
    return path


def test_a_real_film_is_the_same_plain_and_in_jpeg_2000_by_another_decoder():
    import openjpeg  # noqa: PLC0415  (a decoder of its own, called directly)

    plain = read_radiograph(_pydicom_film("RG3_UNCR.dcm"))
    packed_path = _pydicom_film("RG3_J2KR.dcm")
    np.testing.assert_array_equal(read_radiograph(packed_path).pixels, plain.pixels)
    dataset = pydicom.dcmread(packed_path)
    stored = openjpeg.decode(pydicom.encaps.get_frame(dataset.PixelData, 0, number_of_frames=1)).astype(np.float64)
    low, high = stored.min(), stored.max()
    if "WindowCenter" not in dataset and "VOILUTSequence" not in dataset:
        expected = 1 - (stored - low) / (high - low)
        np.testing.assert_allclose(plain.pixels, expected, atol=1e-6)
    else:
        assert np.corrcoef(plain.pixels.ravel()[::97], stored.ravel()[::97])[0, 1] < -0.9


def test_lossless_variants_of_a_real_film_agree(real_films):
    names = ["tibia_cr_j2kr.dcm", "tibia_cr_jlsl.dcm", "tibia_cr_jpll.dcm", "tibia_cr_rle.dcm"]
    paths = [path for name in names for path in real_films.rglob(name)]
    if len(paths) != len(names):
        pytest.skip("the folder does not hold the tibia films")
    first, *others = [read_radiograph(path).pixels for path in paths]
    for other in others:
        np.testing.assert_array_equal(other, first)


def test_12_bit_jpeg_gives_the_values_another_decoder_gave():
    """Two pixels of this file as libjpeg decodes them, from pydicom's own tests; GDCM decodes it here."""
    values = decode_frame(pydicom.dcmread(_pydicom_film("JPGExtended.dcm")), 0).values
    assert (values.shape, values[420, 140], values[230, 120]) == ((1024, 256), 244, 95)


def test_12_bit_jpeg_of_a_real_film_is_close_to_the_lossless_one(real_films):
    lossy, lossless = (next(real_films.rglob(f"tibia_cr_{kind}.dcm"), None) for kind in ("jply", "jpll"))
    if lossy is None or lossless is None:
        pytest.skip("the folder does not hold the tibia films")
    found, expected = (decode_frame(pydicom.dcmread(path), 0).values.astype(int) for path in (lossy, lossless))
    assert np.abs(found - expected).mean() < 2.0  # of 1024
    assert np.abs(found - expected).max() < 60
    assert "lossy_compression" in codes(read_radiograph(lossy))


def test_damaged_12_bit_jpeg_is_an_error():
    film = pydicom.dcmread(_pydicom_film("JPGExtended.dcm"))
    film.Modality, film.SOPClassUID = "CR", pydicom.uid.ComputedRadiographyImageStorage
    frame = pydicom.encaps.get_frame(film.PixelData, 0, number_of_frames=1)
    film.PixelData = pydicom.encaps.encapsulate([frame[: len(frame) // 2]])
    with pytest.raises(DecodeError, match="truncated"):
        read_radiograph(film)


def test_a_wrapped_codestream_with_an_endless_box_ends_as_an_error(make_film):
    """pydicom looks for the codestream box by box and stays for ever at one that states no length."""
    film = make_film()
    film.compress(JPEG2000Lossless)
    bare = pydicom.encaps.get_frame(film.PixelData, 0, number_of_frames=1)
    signature = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
    for box, good in ((b"\x00\x00\x00\x10ftypjp2 \x00\x00\x00\x00", True), (b"\x00\x00\x00\x00ftyp", False)):
        wrapped = signature + box + (len(bare) + 8).to_bytes(4, "big") + b"jp2c" + bare
        film.PixelData = pydicom.encaps.encapsulate([wrapped])
        if not good:
            with pytest.raises(DecodeError, match="does not begin as such"):
                read_radiograph(film)
            continue
        assert _has_endless_box(wrapped) is False


@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize("crossing", [False, True])
def test_a_codestream_signed_against_its_header_is_read_without_jumps(make_film, ramp, is_signed, crossing):
    """The bits are what the scanner meant by one of the two statements; a film has no jumps of the whole range."""
    meant = ramp.astype(np.int16) - (1000 if crossing else 0)
    film = make_film(meant, BitsStored=12)
    film.compress(JPEG2000Lossless)
    if is_signed:
        film.PixelRepresentation = 0  # header wrong, codestream signed
    else:
        film = make_film((meant.astype(np.int32) & 0xFFF).astype(np.uint16), BitsStored=12)
        film.compress(JPEG2000Lossless)
        film.PixelRepresentation = 1  # header right, codestream unsigned
    stored = decode_frame(film, 0)
    assert "sign_disagrees" in {flag.code for flag in stored.flags}
    np.testing.assert_array_equal(stored.values.astype(int), meant)


def test_a_header_that_is_right_about_the_sign_stays_right(make_film, ramp):
    """Unsigned values whose encoder called them signed: read as signed they would jump at half of the range."""
    film = make_film((ramp * 2).astype(np.uint16).view(np.int16), BitsStored=12)
    film.PixelData = np.where(ramp * 2 > 2047, (ramp * 2).astype(np.int32) - 4096, ramp * 2).astype(np.int16).tobytes()
    film.compress(JPEG2000Lossless)
    film.PixelRepresentation = 0
    stored = decode_frame(film, 0)
    np.testing.assert_array_equal(stored.values, ramp * 2)
    assert not stored.signed


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16])
def test_rle_is_unpacked_as_pydicom_unpacks_it(make_film, kind):
    rng = np.random.default_rng(4)
    pixels = np.repeat(rng.integers(0, 200, (96, 16)), 8, axis=1).astype(kind)  # runs
    pixels[::3] = rng.integers(0, 200, (32, 128))  # and none
    film = make_film(pixels)
    film.compress(RLELossless)
    expected = pydicom.pixels.pixel_array(film, decoding_plugin="pydicom")
    np.testing.assert_array_equal(decode_frame(film, 0).values, expected)


def test_rle_segments_outside_the_frame_are_an_error(make_film):
    film = make_film()
    film.compress(RLELossless)
    frame = bytearray(pydicom.encaps.get_frame(film.PixelData, 0, number_of_frames=1))
    for offset in (0, 10**6):
        frame[8:12] = offset.to_bytes(4, "little")
        film.PixelData = pydicom.encaps.encapsulate([bytes(frame)])
        with pytest.raises(DecodeError, match="outside"):
            read_radiograph(film)


@pytest.mark.filterwarnings("error::UserWarning")  # pydicom's quote values, which may be the patient's
def test_damaged_files_raise_typed_errors_only(make_film, as_bytes):
    rng = np.random.default_rng(11)
    film = make_film(RescaleSlope=1, RescaleIntercept=0, PixelSpacing=[0.2, 0.2], **WINDOW)
    film.compress(JPEG2000Lossless)
    whole = as_bytes(film)
    for number in range(120):
        data = bytearray(whole)
        if number % 3 == 0:
            data = data[: rng.integers(len(data))]
        else:
            for _ in range(int(rng.integers(1, 8))):
                data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        try:
            pixels = read_radiograph(bytes(data)).pixels
        except (ReadError, NotARadiographError):
            continue
        assert np.isfinite(pixels).all()
        assert pixels.min() >= 0.0
        assert pixels.max() <= 1.0


def _fragmented(film, size, table):
    """The one frame in fragments of some bytes, behind an offset table."""
    data = get_frame(film.PixelData, 0, number_of_frames=1)
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    parts = [part + bytes(len(part) % 2) for part in parts]
    items = [table, *parts]
    film.PixelData = b"".join(b"\xfe\xff\x00\xe0" + struct.pack("<I", len(part)) + part for part in items)
    film["PixelData"].is_undefined_length = True
    return film


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
@pytest.mark.parametrize("offsets", [(), (0,), (999_998,), (0, 408), (2, 4, 6)])
def test_offset_tables_do_not_move_the_one_frame_there_is(make_film, ramp, syntax, offsets):
    film = make_film(BitsStored=12, **WINDOW)
    film.compress(syntax, generate_instance_uid=False)
    film = _fragmented(film, 200, struct.pack(f"<{len(offsets)}I", *offsets))
    np.testing.assert_allclose(read_radiograph(film).pixels, np.clip(ramp / 2048, 0, 1), atol=1e-3)


@pytest.mark.parametrize("length", [2, 10, 1 << 40])
def test_an_extended_offset_table_that_is_wrong_does_not_lose_the_film(make_film, ramp, length):
    film = make_film(BitsStored=12, **WINDOW)
    film.compress(JPEG2000Lossless, generate_instance_uid=False)
    film.ExtendedOffsetTable, film.ExtendedOffsetTableLengths = struct.pack("<Q", 0), struct.pack("<Q", length)
    np.testing.assert_allclose(read_radiograph(film).pixels, np.clip(ramp / 2048, 0, 1), atol=1e-3)


@pytest.mark.parametrize(("more", "said"), [(1, False), (200, False), (256, True), (23_000, True)])
def test_more_pixel_data_than_a_row_is_said(make_film, more, said):
    """Rows of 256 bytes: less than one is filling, more may be rows that the header does not tell of."""
    film = make_film()
    film.PixelData += bytes(more)
    assert ("pixel_description_invalid" in codes(read_radiograph(film))) is said


@pytest.mark.parametrize("keyword", ["Rows", "Columns"])
@pytest.mark.parametrize("value", [0, None, [96, 128], "many"])
def test_a_size_that_is_none_is_named(make_film, keyword, value):
    film = make_film()
    del film[keyword]
    film.add_new(keyword, "LO" if isinstance(value, str) else "US", value)
    with pytest.raises(ReadError, match=keyword):
        read_radiograph(film)

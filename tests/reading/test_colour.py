"""Grey behind colour, against the grey that was toned, marked or painted over."""

from io import BytesIO

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from ho_imaging.errors import NotARadiographError
from ho_imaging.reading import read_radiograph

ROWS, COLUMNS = 300, 360
BLUE, GREEN, SEPIA = (0.35, 0.65, 1.0), (0.45, 0.95, 0.8), (1.0, 0.88, 0.68)
DARK_GREEN, CREAM = np.array([10.0, 40.0, 30.0]), np.array([235.0, 255.0, 240.0])


def film():
    """Smooth shadows, two discs with sharp edges and fine noise: grey values from 0 to 1."""
    rows, columns = np.indices((ROWS, COLUMNS))
    grey = 0.25 + 0.2 * np.sin(rows / 40.0) * np.cos(columns / 55.0)
    for column in (90, 270):
        grey[np.hypot(rows - 150, columns - column) < 50] += 0.35
    grey[:, :20] = 0.0
    grey += np.random.default_rng(3).normal(0.0, 0.01, grey.shape)
    return np.clip(grey, 0.0, 1.0)


def encoded(colours, kind, **options):
    stream = BytesIO()
    Image.fromarray(np.clip(np.rint(colours), 0, 255).astype(np.uint8)).save(stream, kind, **options)
    return stream.getvalue()


PNG = {"kind": "PNG"}
JPEG = {"kind": "JPEG", "quality": 75, "subsampling": "4:2:0"}
COARSE_JPEG = {"kind": "JPEG", "quality": 40, "subsampling": "4:2:0"}


def codes(radiograph):
    return {flag.code for flag in radiograph.quality}


def toned(grey, tint):
    return grey[..., None] * np.array(tint) * 255.0


def duotone(grey):
    return DARK_GREEN + grey[..., None] * (CREAM - DARK_GREEN)


@pytest.mark.parametrize("how", [PNG, JPEG, COARSE_JPEG], ids=["png", "jpeg", "coarse"])
@pytest.mark.parametrize("tint", [BLUE, GREEN, SEPIA], ids=["blue", "green", "sepia"])
def test_a_tint_is_read_as_the_grey_it_was_and_said(tint, how):
    grey = film()
    radiograph = read_radiograph(encoded(toned(grey, tint), **how))
    assert {"tinted", "colour_converted"} <= codes(radiograph)
    assert "colour_marks" not in codes(radiograph)
    assert np.corrcoef(radiograph.pixels.ravel(), grey.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("how", [PNG, JPEG], ids=["png", "jpeg"])
def test_a_duotone_is_read(how):
    grey = film()
    radiograph = read_radiograph(encoded(duotone(grey), **how))
    assert "tinted" in codes(radiograph)
    assert np.corrcoef(radiograph.pixels.ravel(), grey.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("name", ["bone", "copper", "Blues_r"])
def test_one_hue_that_is_no_multiple_of_grey_is_read(name):
    grey = film()
    radiograph = read_radiograph(encoded(mpl.colormaps[name](grey)[..., :3] * 255.0, **PNG))
    assert "tinted" in codes(radiograph)
    order = np.argsort(grey.ravel())
    assert np.diff(radiograph.pixels.ravel()[order][::500]).min() > -0.01, "the grey rises with the film"


def test_grey_that_does_not_rise_with_luminance_follows_the_tint():
    """From grey to a blue that is darker, and on to white: one hue, but luminance falls before it rises."""
    levels = np.array([[120.0, 120.0, 120.0], [100.0, 100.0, 250.0], [240.0, 240.0, 255.0]])
    grey = film()
    colours = np.stack([np.interp(grey, [0.0, 0.5, 1.0], levels[:, channel]) for channel in range(3)], axis=-1)
    levels_shown = read_radiograph(encoded(colours, **PNG)).pixels
    means = [float(levels_shown[np.abs(grey - level) < 0.02].mean()) for level in (0.1, 0.2, 0.3, 0.4, 0.6, 0.7)]
    assert np.diff(means).min() > 0.0


def test_plain_grey_in_colour_is_not_called_tinted():
    assert not {"tinted", "colour_marks"} & codes(read_radiograph(encoded(toned(film(), (1, 1, 1)), **JPEG)))


@pytest.mark.parametrize("how", [PNG, JPEG], ids=["png", "jpeg"])
@pytest.mark.parametrize("tint", [(1.0, 1.0, 1.0), BLUE, SEPIA], ids=["grey", "blue", "sepia"])
def test_a_box_and_a_label_in_another_colour_are_read_and_said(tint, how):
    colours = toned(film(), tint)
    for edge in (np.s_[100:104, 60:130], np.s_[196:200, 60:130], np.s_[100:200, 60:64], np.s_[100:200, 126:130]):
        colours[edge] = (0, 255, 0)
    colours[10:30, 300:350] = (255, 40, 0)
    radiograph = read_radiograph(encoded(colours, **how))
    assert "colour_marks" in codes(radiograph)
    assert ("tinted" in codes(radiograph)) == (tint != (1.0, 1.0, 1.0))


@pytest.mark.parametrize("name", ["jet", "turbo", "hot", "inferno", "viridis", "plasma", "coolwarm", "hsv", "cividis"])
def test_colour_maps_are_refused(name):
    with pytest.raises(NotARadiographError, match="colour picture"):
        read_radiograph(encoded(mpl.colormaps[name](film())[..., :3] * 255.0, **PNG))


def test_a_heat_map_over_a_film_is_refused():
    grey = film()
    rows, columns = np.indices(grey.shape)
    heat = np.exp(-(np.hypot(rows - 150, columns - 180) ** 2) / (2 * 80.0**2))
    over = 0.6 * toned(grey, (1, 1, 1)) + 0.4 * mpl.colormaps["jet"](heat)[..., :3] * 255.0
    with pytest.raises(NotARadiographError, match="colour picture"):
        read_radiograph(encoded(over, **JPEG))


def smooth_noise(rng, scale):
    coarse = Image.fromarray(rng.normal(0.0, 1.0, (8, 10)).astype(np.float32))
    return scale * np.asarray(coarse.resize((COLUMNS, ROWS), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("seed", range(3))
def test_skin_and_stained_tissue_are_refused(seed):
    """Skin reddens and tans, tissue takes two stains: many colours at one brightness."""
    rng = np.random.default_rng(seed)
    light = 0.8 + smooth_noise(rng, 0.1)
    red, brown = smooth_noise(rng, 22.0), smooth_noise(rng, 22.0)
    skin = (np.array([224.0, 172.0, 135.0]) + np.stack([red, -red, brown], axis=-1)) * light[..., None]
    eosin, haematoxylin = (np.abs(smooth_noise(rng, 0.7)) for _ in range(2))
    absorbed = eosin[..., None] * np.array([0.1, 1.0, 0.3]) + haematoxylin[..., None] * np.array([0.65, 0.7, 0.3])
    for picture in (skin, 255.0 * np.exp(-absorbed)):
        with pytest.raises(NotARadiographError, match="colour picture"):
            read_radiograph(encoded(picture, **JPEG))


def test_an_evenly_coloured_surface_is_refused():
    rng = np.random.default_rng(1)
    surface = np.array([224.0, 172.0, 105.0]) + rng.normal(0.0, 6.0, (ROWS, COLUMNS, 1))
    with pytest.raises(NotARadiographError, match="evenly coloured"):
        read_radiograph(encoded(surface, **PNG))


def test_a_coloured_page_about_a_film_is_refused():
    page = np.empty((600, 720, 3))
    page[:] = (40, 90, 200)
    page[40:100] = (240, 200, 40)
    page[200:500, 180:540] = toned(film(), (1, 1, 1))
    with pytest.raises(NotARadiographError, match="colour picture"):
        read_radiograph(encoded(page, **PNG))


@pytest.mark.parametrize("tint", [BLUE, (0.0, 0.0, 1.0)], ids=["blue", "pure-blue"])
def test_dicom_in_a_tint_is_read_by_the_same_rule(make_film, tint):
    grey = film()
    colours = np.rint(toned(grey, tint)).astype(np.uint8)
    radiograph = read_radiograph(make_film(colours))
    assert "tinted" in codes(radiograph)
    assert np.corrcoef(radiograph.pixels.ravel(), grey.ravel())[0, 1] > 0.999
    assert len(np.unique(radiograph.pixels)) > 150, "luminance has 29 whole levels in pure blue"
    with pytest.raises(NotARadiographError, match="colour picture"):
        read_radiograph(make_film(np.rint(mpl.colormaps["jet"](grey)[..., :3] * 255).astype(np.uint8)))


def palette_film(make_film, colours):
    levels = np.rint(film() * 255).astype(np.uint8)
    dataset = make_film(levels, PhotometricInterpretation="PALETTE COLOR")
    for name, channel in zip(("Red", "Green", "Blue"), np.rint(colours * 65535).astype("<u2").T, strict=True):
        setattr(dataset, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(dataset, f"{name}PaletteColorLookupTableData", channel.tobytes())
    return dataset


def test_dicom_in_palette_colours_is_read_by_the_same_rule(make_film):
    steps = np.linspace(0.0, 1.0, 256)
    radiograph = read_radiograph(palette_film(make_film, steps[:, None] * np.array(SEPIA)))
    assert "tinted" in codes(radiograph)
    assert np.corrcoef(radiograph.pixels.ravel(), film().ravel())[0, 1] > 0.999
    with pytest.raises(NotARadiographError, match="colour picture"):
        read_radiograph(palette_film(make_film, mpl.colormaps["turbo"](steps)[:, :3]))

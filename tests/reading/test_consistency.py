"""A film whose description contradicts its picture is noticed; the pixels still follow the description."""

import numpy as np
import pytest

from ho_imaging.reading import read_radiograph


def limb(rng):
    """A limb in air: soft tissue with a bright shaft, bone bright."""
    x = np.abs(np.linspace(-1, 1, 300))[None, :] * np.ones((400, 1))
    picture = (
        np.where(x < 0.6, 1200 * np.sqrt(np.clip(1 - (x / 0.6) ** 2, 0, 1)), 0) + np.where(x < 0.15, 1500, 0) + 200
    )
    return np.clip(picture + rng.normal(0, 20, picture.shape), 0, 4095).astype(np.uint16)


@pytest.mark.parametrize(("photometric", "contradicts"), [("MONOCHROME2", False), ("MONOCHROME1", True)])
def test_air_that_looks_bright_is_flagged(make_film, photometric, contradicts):
    pixels = limb(np.random.default_rng(1))
    radiograph = read_radiograph(make_film(pixels, PhotometricInterpretation=photometric))
    assert ("polarity_contradicts_pixels" in {flag.code for flag in radiograph.quality}) == contradicts
    assert (radiograph.pixels[200, 150] < radiograph.pixels[200, 5]) == contradicts


def test_real_films_are_not_accused_and_the_false_one_is(real_films):
    accused = set()
    for path in sorted(real_films.rglob("*.dcm")):
        if path.name == "tibia_cr_jply.dcm":
            continue  # 12-bit JPEG is not decoded
        if "polarity_contradicts_pixels" in {flag.code for flag in read_radiograph(path).quality}:
            accused.add(path.name)
    assert accused == {"chest_cr_monochrome1_fake.dcm"}

"""Percentiles by counting against NumPy's."""

import numpy as np
import pytest

from ho_imaging.reading.percentiles import percentiles


@pytest.mark.parametrize("size", [1, 2, 7, 19_999, 60_000])
@pytest.mark.parametrize("kind", ["grain", "few greys", "of one sign", "one value", "far apart"])
def test_percentiles_are_numpys(size, kind):
    values = np.random.default_rng(size).normal(0.0, 100.0, size).astype(np.float32)
    values = {
        "grain": values,
        "few greys": np.round(values, -2),
        "of one sign": np.abs(values),
        "one value": np.full_like(values, -3.5),
        "far apart": np.sign(values) * np.exp2(np.float32(0.3) * values),
    }[kind]
    asked = (0.0, 0.2, 50.0, 99.7, 100.0)
    np.testing.assert_allclose(percentiles(values, *asked), np.percentile(values.astype(float), asked), rtol=1e-12)


def test_a_picture_is_taken_row_by_row_in_any_layout():
    picture = np.random.default_rng(0).random((300, 200)).astype(np.float32)
    assert percentiles(picture[::2].T, 5.0) == pytest.approx([np.percentile(picture[::2].astype(float), 5.0)])

"""A review that cannot be kept does not begin, and says why in the cell that asked for it."""

import os

import pytest

from ho_imaging.errors import UsageError, WriteError
from ho_imaging.review import review

STUDY = "1.2.3"


@pytest.mark.parametrize("reader", [" ", "A\nB", "x" * 101])
def test_a_name_that_no_decision_can_carry_is_refused_at_once(batch, reader):
    with pytest.raises(UsageError, match="reader"):
        review(batch, reader=reader)
    assert not (batch / "reviews").exists()


def test_a_folder_that_may_not_be_written_is_said_at_once(batch, monkeypatch, tmp_path):
    forbidden = batch / "reviews" / STUDY
    forbidden.mkdir(parents=True)
    real = os.access
    monkeypatch.setattr(
        "os.access",
        lambda path, mode: real(path, mode) and not (os.fspath(path) == os.fspath(forbidden) and mode & os.W_OK),
    )
    with pytest.raises(WriteError, match="may not write") as raised:
        review(batch, reader="AB")
    assert "store=" in str(raised.value)
    assert str(forbidden) in str(raised.value)
    assert review(batch, reader="AB", store=tmp_path / "mine" / "reviews").session.decisions == []
    assert not (tmp_path / "mine").exists()


def test_a_store_that_is_a_file_is_said_at_once(batch, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(WriteError, match="is not a folder"):
        review(batch, reader="AB", store=tmp_path / "file")

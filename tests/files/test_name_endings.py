"""A large folder is listed seldom, and what is in it is found all the same."""

import os
import random

import pytest

from ho_imaging.files import name_endings
from ho_imaging.files.name_endings import name_with_end
from ho_imaging.files.output_names import name_of_file, tail_of
from ho_imaging.results.folder import OutputFolder

SECONDS_A_LISTING, SECONDS_A_STUDY = 0.5, 0.25


@pytest.fixture
def listed(monkeypatch):
    """Count listings, on a clock that only listings and `advance` move."""

    class Clock:
        now = 0.0
        listings = 0

        def advance(self, seconds):
            self.now += seconds

    clock, really = Clock(), os.listdir

    def listdir(folder):
        clock.listings += 1
        clock.advance(SECONDS_A_LISTING)
        return really(folder)

    monkeypatch.setattr(name_endings.os, "listdir", listdir)
    monkeypatch.setattr(name_endings.time, "monotonic", lambda: clock.now)
    monkeypatch.setattr(name_endings, "_listings", {})
    return clock


def made(number):
    return f"2.25.{number}"


def laid(studies, numbers, file="old name.png"):
    for number in numbers:
        (studies / name_of_file(file, made(number))).mkdir(parents=True)


def test_studies_that_are_added_to_a_large_folder_list_it_for_a_fiftieth_of_the_time(tmp_path, listed):
    batch = OutputFolder(tmp_path)
    laid(batch.studies, range(1200))
    for number in range(1200, 1600):
        place = batch.study(made(number), f"{number}.png")
        assert place.path.name == name_of_file(f"{number}.png", made(number))
        place.path.mkdir()
        listed.advance(SECONDS_A_STUDY)
    assert listed.listings * SECONDS_A_LISTING <= 0.03 * listed.now + SECONDS_A_LISTING


def test_folders_under_another_files_name_are_found_by_one_listing(tmp_path, listed):
    batch = OutputFolder(tmp_path)
    laid(batch.studies, range(1500))
    for number in random.Random(0).sample(range(1500), 500):
        for file in (None, "new name.png"):
            assert batch.study(made(number), file).path.name == name_of_file("old name.png", made(number))
    assert listed.listings == 1


def test_a_folder_that_came_or_went_since_is_seen_once_listing_again_is_due(tmp_path, listed):
    batch = OutputFolder(tmp_path)
    laid(batch.studies, range(1100))
    assert batch.study(made(5)).path.is_dir()
    laid(batch.studies, [2000])
    batch.study(made(5)).path.rename(batch.studies / name_of_file("again.png", made(5)))
    listed.advance(60 * SECONDS_A_LISTING)
    assert batch.study(made(2000)).path.is_dir()
    assert batch.study(made(5)).path.name == name_of_file("again.png", made(5))


def test_a_small_folder_is_always_seen_as_it_is(tmp_path, listed):
    laid(tmp_path, range(10))
    assert name_with_end(tmp_path, tail_of(made(11))) is None
    laid(tmp_path, [11])
    assert name_with_end(tmp_path, tail_of(made(11))) == name_of_file("old name.png", made(11))
    assert name_with_end(tmp_path / "nowhere", tail_of(made(11))) is None

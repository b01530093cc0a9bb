"""The list in a notebook: it opens studies in the viewer and goes on to the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from ho_imaging import Analyzer
from ho_imaging.errors import UsageError
from ho_imaging.outputs.study_folder import write_study
from ho_imaging.readings.decisions import Decision
from ho_imaging.readings.grounds import grounds_of
from ho_imaging.readings.plan import ReadingPlan, write_plan
from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.results.folder import read_result
from ho_imaging.review.worklist import open_worklist

pytest.importorskip("anywidget")
SAMPLES = sorted((Path(__file__).parents[2] / "sample_data").glob("0[1-3]*.dcm"))


@pytest.fixture
def batch(tmp_path, fake_network):
    analyzer = Analyzer()
    for path in SAMPLES:
        analysis = analyzer.analyze_films([path])
        write_study(analysis, tmp_path / "studies" / analysis.result.study_uid)
    return tmp_path


def commit(batch, row):
    result = read_result(row.folder / "result.json")
    decision = Decision(
        reader="AB", study_uid=row.study_uid, action="commit", grounds=grounds_of(result, "commit", blinded=True)
    )
    ReviewStore(batch / "reviews").append(decision)


def test_the_next_study_opens_in_the_viewer_blinded_if_the_plan_says_so(batch):
    write_plan(batch / "reviews", ReadingPlan(readers=("AB", "CD"), blinded=True, readings_per_study=2))
    listed = open_worklist(batch, "AB")
    viewer = listed.open()
    assert viewer.session.study.result.study_uid == listed[0].study_uid
    assert viewer.session.hidden
    assert viewer.session.store.folder == batch / "reviews"
    with pytest.raises(UsageError, match="not in this list"):
        listed.open("1.2.3")
    for row in listed:
        commit(batch, row)
    assert not listed.refresh().open(listed[0].study_uid).session.hidden
    with pytest.raises(UsageError, match="nothing is left"):
        listed.refresh().open()


def test_the_panel_shows_the_list_and_one_study(batch):
    from ho_imaging.review.panel import WorklistPanel  # noqa: PLC0415  (needs the notebook's libraries)

    panel = WorklistPanel(open_worklist(batch, "AB"))
    told, controls, studies, place = panel.children
    order, state, opens, following = controls.children
    assert told.value.startswith("0 of 3 committed")
    assert len(studies.options) == 3
    studies.value = studies.options[1][1]
    opens.click()
    (viewer,) = place.children
    assert viewer.session.study.result.study_uid == studies.value
    commit(batch, panel.worklist.next)
    following.click()
    assert told.value.startswith("1 of 3 committed")
    assert len(place.children) == 1
    assert place.children[0] is not viewer
    assert place.children[0].session.study.result.study_uid == panel.worklist.next.study_uid
    state.value = "committed"
    assert len(studies.options) == 1
    state.value, order.value = "all", "certainty"
    assert [uid for _, uid in studies.options] == [row.study_uid for row in open_worklist(batch, "AB").by("certainty")]
    for row in panel.worklist:
        commit(batch, row)
    following.click()
    assert "Nothing is left" in place.children[0].value

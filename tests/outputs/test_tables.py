"""Tables of many rows, read back with the standard library's csv and with Parquet."""

from __future__ import annotations

import csv
import json

import pytest

from ho_imaging.outputs import tables
from ho_imaging.outputs.batch_tables import write_tables
from ho_imaging.outputs.worklist import write_page

parquet = pytest.importorskip("pyarrow.parquet")

COLUMNS = {"name": "string", "area": "double", "count": "int64", "near": "bool"}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(tables, "_BLOCK_ROWS", 3)


def _rows(count):
    return [
        {"name": f"n{-number % 7}", "area": number / 4, "count": number, "near": number % 2 == 0}
        for number in range(count)
    ]


@pytest.mark.parametrize("count", [0, 1, 3, 8])
@pytest.mark.parametrize("sorted_by", [(), ("name", "count")])
def test_every_row_of_every_block_is_there_once(tmp_path, count, sorted_by):
    rows = _rows(count)
    with tables.writing_table(tmp_path / "t", COLUMNS, sorted_by) as add:
        for row in rows:
            add([row])
    wanted = sorted(rows, key=lambda row: [row[name] for name in sorted_by])
    assert parquet.read_table(tmp_path / "t.parquet").to_pylist() == wanted
    with (tmp_path / "t.csv").open(newline="") as stream:
        read = list(csv.DictReader(stream))
    assert [(row["name"], float(row["area"]), int(row["count"]), row["near"]) for row in read] == [
        (row["name"], row["area"], row["count"], str(row["near"]).lower()) for row in wanted
    ]


def test_what_a_row_lacks_is_empty_in_every_block(tmp_path):
    with tables.writing_table(tmp_path / "t", COLUMNS) as add:
        add({"count": number} for number in range(7))
    assert parquet.read_table(tmp_path / "t.parquet").to_pylist() == [
        {"name": None, "area": None, "count": number, "near": None} for number in range(7)
    ]


def test_tables_that_end_half_way_leave_the_earlier_ones(tmp_path):
    def study(number):
        return {"studies": [{"study_uid": f"1.{number}"}], "inputs": [{"path": f"{number}.dcm"}]}

    write_tables(tmp_path, (study(number) for number in range(5)))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(before) == 8

    def broken():
        yield from (study(number) for number in range(9, 5, -1))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_tables(tmp_path, broken())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_inputs_are_sorted_by_path_whatever_the_order_of_studies(tmp_path):
    films = [("b.dcm", "1"), ("a.dcm", "2"), ("é.dcm", "3"), ("Z.dcm", "4"), ("a.dcm", "1")]
    write_tables(tmp_path, ({"inputs": [{"path": path, "sop_instance_uid": uid}]} for path, uid in films))
    with (tmp_path / "inputs.csv").open(newline="", encoding="utf-8") as stream:
        assert [(row["path"], row["sop_instance_uid"]) for row in csv.DictReader(stream)] == sorted(films)


def test_the_worklist_takes_studies_one_at_a_time(tmp_path):
    write_page(
        tmp_path, iter([{"study_uid": f"1.{number}", "status": "done", "path": "</script>"} for number in range(3)])
    )
    page = (tmp_path / "index.html").read_text()
    data = page.split('<script id="data" type="application/json">')[1].split("</script>")[0]
    assert [row["study_uid"] for row in json.loads(data)] == ["1.0", "1.1", "1.2"]

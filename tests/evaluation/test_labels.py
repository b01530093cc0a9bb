"""Tables of labels as spreadsheets write them, and the films their rows name."""

from pathlib import Path

import pydicom
import pytest

from ho_imaging.errors import UsageError
from ho_imaging.evaluation.grades import grade_of, shows_ho
from ho_imaging.evaluation.labels import HO, Box, raise_problems, read_labels
from ho_imaging.evaluation.matching import SEVERAL, match_labels
from ho_imaging.messages import Message
from ho_imaging.reading import Discovery, Rejected, StudyRef
from ho_imaging.reading.files import FileKind
from ho_imaging.reading.read import ImageRef
from ho_imaging.vocabulary import Side, Status

FILMS = Path("/films")


@pytest.fixture
def table(tmp_path):
    def make(text, encoding="utf-8"):
        path = tmp_path / "labels.csv"
        path.write_bytes(text.encode(encoding))
        return read_labels(path)

    return make


def image(name, *, sop, study, kind=FileKind.PNG):
    return ImageRef(FILMS / name, kind, study, f"{study}.1", sop, "")


def films(*images, rejected=()):
    studies = {}
    for item in images:
        studies.setdefault(item.study_uid, []).append(item)
    return Discovery(tuple(StudyRef(uid, tuple(items)) for uid, items in studies.items()), tuple(rejected))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('film,ho,remark\na,yes,fine\nb,yes,"seen twice\nc,no,\nd,yes,\n', "after line 2"),
        ('film;ho;remark\na;yes;"left\nb;no;\nc;yes;right"\nd;no;\n', "line 2: .*rows"),
        ('sep=;\nfilm;ho;remark\na;yes;"left\nb;no;\nc;yes;right"\n', "line 3: .*rows"),
    ],
)
def test_rows_are_not_lost_in_a_cell_whose_quote_is_not_closed(table, text, says):
    with pytest.raises(UsageError, match=says):
        table(text)


def test_a_remark_may_go_over_several_lines(table):
    found = table('film,ho,remark\na,yes,"left, small\nsince 2019"\nb,no,\n')
    assert [(row.line, row.ho) for row in found.rows] == [(2, HO.YES), (4, HO.NO)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_every_way_a_spreadsheet_writes(table, separator, ends, encoding):
    rows = [
        ["Film", "HO", "Boxes_Percent", "Klinik"],
        ["a.png", "YES", '"1-2-3-4;10-20-30,5-40"', "Köln"],
        [],
        ["b", "No"],
    ]
    found = table(ends.join(separator.join(row) for row in rows) + ends, encoding)
    assert found.problems == ()
    first, second = found.rows
    assert (first.line, first.ho, second.line, second.ho) == (2, HO.YES, 4, HO.NO)
    assert first.boxes == (Box(1, 2, 3, 4), Box(10, 20, 30.5, 40))
    assert first.groups == {"klinik": "Köln"}
    assert second.groups == {"klinik": ""}


def test_a_separator_that_excel_states(table):
    assert table("sep=;\nfilm;ho;note\na;yes;x, y\n").rows[0].groups == {"note": "x, y"}


def test_lines_are_counted_as_an_editor_does(table):
    found = table('film,ho,note\n\n;,,\na,yes,"two\nlines"\nb,maybe,\n')
    assert [row.line for row in found.rows] == [4]
    assert [problem.line for problem in found.problems] == [3, 6]


def test_all_bad_lines_are_said_at_once_and_no_cell_is_repeated(table):
    found = table(
        "film,ho,side,brooker,boxes\n"
        "a,Erika Musterfrau,,,\n"
        ",yes,,,\n"
        "b,yes,up,,\n"
        "c,yes,,VII,\n"
        "d,yes,,,1-2-3\n"
        "e,yes,,,50-10-20-30\n"
        "f,no,,,1-2-3-4\n"
        "g,no,,II,\n"
        "h,,,,\n"
        "i,yes,,,1-2-3-4,,x\n"
        "j,yes,,0,\n"
        "k,yes,R,ii,\n"
    )
    assert [row.line for row in found.rows] == [13]
    assert [problem.line for problem in found.problems] == list(range(2, 13))
    with pytest.raises(UsageError) as error:
        raise_problems(found.path, found.problems)
    said = str(error.value)
    reasons = [
        "none of yes, no, unsure", "names no film", "side", "brooker", "x0-y0-x1-y1", "between 0 and 100", "ho is no",
        "says otherwise", "no label", "more cells", "says otherwise",
    ]  # fmt: skip
    for line, why in enumerate(reasons, start=2):
        assert any(text.startswith(f"line {line}:") and why in text for text in map(str, found.problems)), (line, why)
        assert f"line {line}:" in said
    assert "Musterfrau" not in said
    assert "11 problems" in said
    assert "\n" not in said
    assert [line[:7] for line in error.value.lines[1:4]] == ["line 2:", "line 3:", "line 4:"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no line"),
        ("film,ho\n", "no line below"),
        ("name,ho\na,yes\n", "no column that names films"),
        ("film,note\na,yes\n", "no column of labels"),
        ("film,ho,HO\na,yes,no\n", "two columns of one name"),
        ("PK\x03\x04rest", "workbook"),
    ],
)
def test_a_table_that_cannot_be_used(table, text, why):
    with pytest.raises(UsageError, match=why):
        table(text)


def test_a_table_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        read_labels(tmp_path / "nowhere.csv")


@pytest.mark.parametrize(
    ("system", "text", "grade"),
    [
        ("brooker", "2", "II"), ("brooker", "iv", "IV"), ("brooker", "0", "0"), ("brooker", "5", None),
        ("brooker", "3.0", "III"), ("brooker", "0.0", "0"), ("brooker", "3.5", None), ("brooker", "1-Feb", None),
        ("walter_reed", "Moderate", "moderate"), ("schmidt_hackenbrock", "iib", "II B"),
        ("schmidt_hackenbrock", "2 B", "II B"), ("della_valle", "c", "C"), ("biplanar", "2", "2"),
        ("hastings_graham", "II", "I to III: motion needed"), ("hastings_graham", "0", "0"),
    ],
)  # fmt: skip
def test_grades_as_people_write_them(system, text, grade):
    assert grade_of(system, text) == grade


def test_columns_of_one_meaning_must_agree(table):
    found = table(
        "film,ho,side,laterality,boxes,boxes_percent,grade,system,grading_system\n"
        "a,1.0,R,right,,,,,\n"
        "b,yes,R,L,,,,,\n"
        "c,yes,,,1-2-3-4,5-6-7-8,,,\n"
        "d,yes,,,,,II,brooker,della_valle\n"
    )
    assert [(row.line, row.ho, len(row.sides)) for row in found.rows] == [(2, HO.YES, 1)]
    for problem, columns in zip(found.problems, ("side", "boxes", "system"), strict=True):
        assert columns in problem.why
        assert "contradict" in problem.why


def test_a_grade_says_whether_there_is_bone(table):
    assert shows_ho("della_valle", "A") is None
    found = table("film,grade,system\na,0,\nb,III,Brooker\nc,none,walter reed\nd,A,della_valle\ne,x,nonsense\n")
    assert [(row.ho, dict(row.grades)) for row in found.rows] == [
        (HO.NO, {"brooker": "0"}),
        (HO.YES, {"brooker": "III"}),
        (HO.NO, {"walter_reed": "none"}),
        (None, {"della_valle": "A"}),
    ]
    assert [problem.line for problem in found.problems] == [6]


def test_sides_as_the_rest_of_the_program_spells_them(table):
    found = table("film,ho,side\na,yes,R\nb,yes,Left\nc,yes,both\nd,yes,B\ne,yes,\n")
    both = (Side.RIGHT, Side.LEFT)
    assert [row.sides for row in found.rows] == [(Side.RIGHT,), (Side.LEFT,), both, both, ()]


def test_rows_name_films_by_whatever_is_there(table):
    seen = films(
        image("one/a.png", sop="1.1", study="2.1"),
        image("two/a.png", sop="1.2", study="2.2"),
        image("two/b.png", sop="1.3", study="2.3"),
        image("two/c.png", sop="1.4", study="2.3"),
        image("Ünique.PNG", sop="1.5", study="2.5"),
    )
    found = match_labels(
        table(
            "film,ho\n"
            "one/a.png,yes\n"
            "two\\a.png,no\n"
            "B,no\n"
            "1.4,no\n"
            "u\u0308nique.png,no\n"  # an accent written in two characters is the same letter
        ),
        seen,
        FILMS,
    )
    assert {film.name: film.label.lines for film in found.films} == {
        "one/a.png": (2,), "two/a.png": (3,), "two/b.png": (4,), "two/c.png": (5,), "Ünique.PNG": (6,),
    }  # fmt: skip
    assert found.unmatched == found.problems == found.without_row == ()


def test_what_no_one_film_is_meant_by_is_said(table):
    seen = films(
        image("one/a.png", sop="1.1", study="2.1"),
        image("two/a.png", sop="1.2", study="2.2"),
        image("two/b.png", sop="1.3", study="2.2"),
    )
    found = match_labels(table("film,ho\na.png,yes\n2.2,no\nnone,no\n1.3,no\n"), seen, FILMS)
    assert [(item.line, item.why.split(":")[0]) for item in found.unmatched] == [
        (2, "names 2 films"), (3, "names 2 films"), (4, "names no film that is here"),
    ]  # fmt: skip
    assert [str(path) for path in found.without_row] == ["/films/one/a.png", "/films/two/a.png"]
    with pytest.raises(UsageError, match="no row names a film"):
        match_labels(table("film,ho\nx,yes\n"), seen, FILMS)


def test_columns_together_leave_one_film(table):
    """Names such as IM0001 are the same in every study; a column that names nothing here is something else."""
    seen = films(
        image("one/IM1.png", sop="1.1", study="2.1"),
        image("two/IM1.png", sop="1.2", study="2.2"),
        image("two/IM2.png", sop="1.3", study="2.2"),
    )
    found = match_labels(
        table("path,study_uid,file,ho\nrepo/x,2.2,IM1.png,yes\nrepo/y,2.1,,no\nrepo/z,2.1,IM2.png,no\n"), seen, FILMS
    )
    assert {film.name: film.label.lines for film in found.films} == {"two/IM1.png": (2,), "one/IM1.png": (3,)}
    assert [str(item) for item in found.unmatched] == ["line 4: its columns name different films"]


def test_films_by_accession_number(table, tmp_path):
    sample = pydicom.dcmread(Path(__file__).parents[2] / "sample_data" / "08_one_hip_no_ectopic_bone.dcm")
    sample.AccessionNumber = "A-17"
    path = tmp_path / "f.dcm"
    sample.save_as(path)
    ref = ImageRef(path, FileKind.DICOM, str(sample.StudyInstanceUID), "1", str(sample.SOPInstanceUID), "DX")
    seen = films(ref)
    for heading in ("accession_number", "film"):
        (film,) = match_labels(table(f"{heading},ho\nA-17,no\n"), seen, tmp_path).films
        assert film.image == ref


def test_two_rows_of_one_film_contradict_each_other(table):
    seen = films(image("a.png", sop="1.1", study="2.1"), image("b.png", sop="1.2", study="2.2"))
    found = match_labels(table("film,ho,side\na,yes,\na.png,yes,\nb,no,R\nb,yes,L\nb,yes,both\n1.2,no,\n"), seen, FILMS)
    assert [str(problem) for problem in found.problems] == [
        "line 3: labels the film that line 2 labels",
        "line 6: labels the right side of the film that line 4 labels",
        "line 7: labels the film that line 4 labels",
    ]


def test_sides_make_the_films_label(table):
    seen = films(*(image(f"{name}.png", sop=f"1.{n}", study=f"2.{n}") for n, name in enumerate("abcd", start=1)))
    found = match_labels(
        table(
            "film,ho,side,brooker,implant\n"
            "a,no,R,0,none\na,yes,L,II,cup\n"
            "b,no,both,,none\n"
            "c,no,R,,none\n"
            "d,unsure,R,,none\nd,no,L,,none\n"
        ),
        seen,
        FILMS,
    )
    assert found.problems == ()
    a, b, c, d = (film.label for film in found.films)
    assert (a.ho, b.ho, c.ho, d.ho) == (HO.YES, HO.NO, None, HO.UNSURE)
    assert a.grades == {Side.RIGHT: {"brooker": "0"}, Side.LEFT: {"brooker": "II"}}
    assert (a.groups["implant"], b.groups["implant"]) == (SEVERAL, "none")


def test_a_film_that_cannot_be_read_has_its_row(table):
    rejected = [
        Rejected(FILMS / "bad.dcm", Status.FAILED, Message("file_empty")),
        Rejected(FILMS / "a.txt", Status.REFUSED, Message("file_of_other_kind"), stray=True),
    ]
    found = match_labels(
        table("film,ho\nbad.dcm,yes\na,no\n"), films(image("a.png", sop="1.1", study="2.1"), rejected=rejected), FILMS
    )
    assert found.unmatched == found.without_row == ()
    bad = found.films[1]
    assert bad.image is None
    assert bad.rejected.reason.code == "file_empty"


def test_a_row_of_a_film_that_is_not_here_labels_no_other_film_of_its_name(table):
    here = films(image("a/IM1.dcm", sop="1.1", study="1"), image("a/IM2.dcm", sop="1.2", study="1"))
    for column, (mine, other) in {"study_uid": ("1", "2"), "sop_instance_uid": ("1.1", "2.2")}.items():
        rows = table(f"film,{column},ho\nIM1,{mine},no\nIM2,{other},yes\n")
        matched = match_labels(rows, here, FILMS)
        assert [film.name for film in matched.films] == ["a/IM1.dcm"]
        assert [(row.line, row.why) for row in matched.unmatched] == [(3, f"its {column} names no film that is here")]
    # A file that was renamed is still the film of its UID, and a row without a UID goes by its name.
    rows = table("film,sop_instance_uid,ho\nold,1.1,no\nIM2,,yes\n")
    assert len(match_labels(rows, here, FILMS).films) == 2

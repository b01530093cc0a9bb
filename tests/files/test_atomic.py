import ast
import os
import threading
from pathlib import Path

import pytest

import ho_imaging
from ho_imaging.errors import WriteError
from ho_imaging.files.atomic import PART_SUFFIX, write_bytes, write_text, writing

PACKAGE = Path(ho_imaging.__file__).parent


def test_a_file_is_there_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def write_half():
        with writing(path) as part:
            part.write_text("half")
            assert part.name == f"a.txt.{os.getpid()}-{threading.get_ident()}{PART_SUFFIX}"
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text() == "old"
    write_bytes(path, b"new", durable=True)
    assert path.read_bytes() == b"new"
    assert [item.name for item in tmp_path.iterdir()] == ["a.txt"]


def test_what_cannot_be_written_names_the_file_and_leaves_nothing(tmp_path):
    with pytest.raises(WriteError, match=r"missing/a\.txt: cannot be written: No such file"):
        write_text(tmp_path / "missing" / "a.txt", "text")
    assert not list(tmp_path.iterdir())


def test_no_other_module_renames_a_file_into_place():
    """One rule, one place: who renames by hand forgets to delete the part, or to say what went wrong."""
    for path in PACKAGE.rglob("*.py"):
        # The spool writes with its own view of a full disk, and clears what an earlier process left.
        if path.relative_to(PACKAGE).as_posix() in {"files/atomic.py", "pacs/disk.py", "pacs/spool.py"}:
            continue
        text = path.read_text(encoding="utf-8")
        texts = {node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)}
        assert not [value for value in texts if isinstance(value, str) and value.endswith(PART_SUFFIX)], path
        assert "os.replace(" not in text, path


def test_a_folder_that_is_a_file_is_a_write_error(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(WriteError, match="Not a directory"):
        write_text(tmp_path / "file" / "result.json", "{}")

"""What the package promises: its names, its light import, its errors."""

import inspect
import io
import pickle
import re
import subprocess
import sys

import pytest

import ho_imaging
from ho_imaging import errors, outputs, readings
from ho_imaging.batch import run_batch, work
from ho_imaging.review.worklist import open_worklist

PROMISED = {
    "Analyzer",
    "BatchResults",
    "DecodeError",
    "FilmAnalysis",
    "HOImagingError",
    "ModelError",
    "NotARadiographError",
    "OutOfScopeError",
    "ProgressionResult",
    "Radiograph",
    "ReadError",
    "RefusedError",
    "StudyAnalysis",
    "StudyContext",
    "StudyResult",
    "TooLargeError",
    "UsageError",
    "WriteError",
    "__version__",
    "analyze",
    "analyze_all",
    "analyze_array",
    "compare",
    "discover",
    "read_batch",
    "read_radiograph",
}


def test_the_public_names_are_a_contract():
    assert set(ho_imaging.__all__) == PROMISED
    for name in PROMISED:
        assert getattr(ho_imaging, name) is not None


@pytest.mark.parametrize("name", ["analyze", "analyze_all"])
def test_calls_for_one_use_take_what_an_analyzer_takes_and_pass_it_on(name, monkeypatch):
    made = []

    class Stub:
        def __init__(self, *model, **options):
            made.append(dict(zip(("model",), model, strict=True)) | options)

        def __getattr__(self, called):
            return lambda source, *, context: (called, source, context)

    of_analyzer = inspect.signature(ho_imaging.Analyzer).parameters
    of_call = inspect.signature(getattr(ho_imaging, name)).parameters
    options = [*of_analyzer]
    assert [*of_call][1:] == [*options, "context"]
    assert all(of_call[one].default == of_analyzer[one].default for one in options)
    monkeypatch.setattr("ho_imaging.pipeline.calls.Analyzer", Stub)
    given = {one: object() for one in options}
    assert getattr(ho_imaging, name)("film", **given, context="facts") == (name, "film", "facts")
    assert made == [given]


def test_settings_of_a_batch_take_what_an_analyzer_takes_and_pass_it_on(monkeypatch):
    made = []
    options = [*inspect.signature(ho_imaging.Analyzer).parameters]
    monkeypatch.setattr(work, "Analyzer", lambda model, **more: made.append({"model": model, **more}))
    given = {one: f"a {one}" for one in options}
    work.Settings(**given).analyzer()
    assert made == [given]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ho_imaging.read_radiograph(None), "NoneType is not a film (give a path, bytes"),
        (lambda: ho_imaging.read_radiograph(io.BytesIO(b"film")), "BytesIO is not a film (give a path, bytes"),
        (lambda: ho_imaging.discover(io.BytesIO()), "BytesIO is not a path (give paths of files or folders)"),
        (lambda: ho_imaging.compare(None, None), "a study is missing: None was given (give an image"),
        (lambda: ho_imaging.Analyzer(None), "NoneType is no model (give a name, a folder"),
        (lambda: ho_imaging.Analyzer(device=0), "device must be a word, not int (give auto"),
        (lambda: ho_imaging.Analyzer(site=3), "int is not a path (give a site file"),
        (lambda: ho_imaging.read_batch(None), "NoneType is not a path (give the --out"),
        (lambda: run_batch("films", None), "NoneType is not a path (give the folder for the results)"),
        (lambda: outputs.write(None, "coco", "coco.json"), "NoneType is no result (give a StudyResult"),
        (lambda: outputs.write("result.json", "coco", "coco.json"), "str is no result (give a StudyResult"),
        (lambda: outputs.to_fhir(None), "NoneType is no result (give a StudyResult"),
        (lambda: outputs.to_dicom([]), "list is no result (give a StudyResult"),
        (lambda: outputs.mask("result.json"), "str is no result (give a StudyResult"),
        (lambda: outputs.plot(None), "NoneType is no result (give a StudyResult"),
        (lambda: readings.agreements(None), "NoneType is not a path (give the --out"),
        (lambda: readings.read_plan(None), "NoneType is not a path (give the folder of decisions"),
        (lambda: open_worklist("out", None), "the reader is NoneType (give a name"),
    ],
)
def test_an_argument_of_a_type_that_means_nothing_is_said_with_what_to_give(call, words):
    with pytest.raises(TypeError, match=re.escape(words)):
        call()


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ho_imaging.nothing


@pytest.mark.parametrize("heavy", ["torch", "cv2", "pydicom", "pydantic", "scipy"])
def test_importing_the_package_loads_nothing_heavy(heavy):
    code = f"import sys, ho_imaging; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("ho_imaging.readings", {"torch", "cv2", "ho_imaging.pipeline", "pydantic"}),
        ("ho_imaging.readings.decisions", {"torch", "cv2", "ho_imaging.pipeline"}),
        ("ho_imaging.results", {"torch", "cv2", "ho_imaging.pipeline", "pydantic"}),
        ("ho_imaging.results.schema", {"torch", "cv2", "ho_imaging.pipeline", "pandas"}),
        ("ho_imaging.results.batch", {"torch", "cv2", "ho_imaging.pipeline", "pandas"}),
        ("ho_imaging.outputs", {"torch", "cv2", "matplotlib", "highdicom"}),
        ("ho_imaging.outputs.matplotlib_plot", {"torch", "matplotlib"}),
    ],
)
def test_a_package_is_imported_without_what_it_does_not_need(module, heavy):
    code = f"import sys, {module}; print(*sorted({heavy!r} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert found.split() == []


@pytest.mark.parametrize("package", ["results", "readings", "outputs"])
def test_names_that_load_late_are_what_they_say(package):
    # In a process of its own: a module of a package that has the name of a function would hide it once it is imported.
    code = (
        f"import pkgutil, ho_imaging.{package} as package\n"
        "modules = {module.name for module in pkgutil.iter_modules(package.__path__)}\n"
        "assert not modules & set(package.__all__), modules & set(package.__all__)\n"
        "assert all(getattr(package, name) is not None for name in package.__all__)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom ho_imaging.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit: pass\n"
        "sys.exit(bool({'torch', 'cv2', 'pydicom', 'pydantic', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, stdout=subprocess.DEVNULL).returncode == 0


@pytest.mark.parametrize("name", errors.__all__)
def test_errors_say_file_problem_and_remedy_and_survive_a_process_border(name):
    error = getattr(errors, name)("is torn", path="a/b.dcm", remedy="glue it")
    assert str(error) == "a/b.dcm: is torn (glue it)"
    again = pickle.loads(pickle.dumps(error))  # what worker processes do with errors
    assert type(again) is type(error)
    assert str(again) == str(error)


@pytest.mark.parametrize(
    ("name", "builtin"), [("ReadError", OSError), ("RefusedError", ValueError), ("ModelError", RuntimeError)]
)
def test_errors_are_caught_as_the_nearest_builtin(name, builtin):
    assert issubclass(getattr(errors, name), builtin)

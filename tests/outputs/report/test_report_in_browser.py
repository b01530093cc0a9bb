"""A report in a real browser, on the screen and on paper."""

import shutil
import subprocess

import pytest

from ho_imaging.outputs.report import Material, report_html, write_pdf
from ho_imaging.results.schema import RESEARCH_USE


def test_switches_work_without_scripts(browser, material, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(report_html(material, "de"), encoding="utf-8")
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.get(path.as_uri())

    def shown(layer):
        return [element.is_displayed() for element in browser.find_elements("css selector", f".picture .{layer}")]

    for switch, layer, first in (("nodules", "nodule", True), ("axes", "axes", False), ("bones", "bones", False)):
        assert shown(layer)
        assert set(shown(layer)) == {first}
        browser.find_element("css selector", f"label[for=film-1-{switch}]").click()
        assert set(shown(layer)) == {not first}
        browser.find_element("id", f"film-1-{switch}").send_keys(" ")  # the keyboard does the same
        assert set(shown(layer)) == {first}
    picture = browser.find_element("css selector", ".picture")
    before = picture.size["width"]
    browser.find_element("css selector", "label[for=film-1-enlarge]").click()
    assert picture.size["width"] > 2 * before
    browser.find_element("css selector", "label[for=film-1-invert]").click()
    image = browser.find_element("css selector", ".picture img")
    assert image.value_of_css_property("filter") == "invert(1)"
    assert image.get_property("naturalWidth") > 500
    assert browser.find_element("css selector", ".notice").is_displayed()
    # Chromium's own start page, whose scripts are switched off with those of the report, may complain too.
    logged = [line for line in browser.get_log("browser") if not line["message"].startswith("chrome://")]
    assert not [line for line in logged if line["level"] in {"SEVERE", "WARNING"}]


def test_outlines_lie_where_the_nodules_are(browser, material, tmp_path):
    """The drawn outline covers the nodule's own share of the film."""
    path = tmp_path / "report.html"
    path.write_text(report_html(material), encoding="utf-8")
    browser.get(path.as_uri())
    browser.execute_script("for (const i of document.querySelectorAll('.under')) i.remove()")
    picture = browser.find_element("css selector", ".picture").rect
    image = material.result.images[0]
    paths = browser.find_elements("css selector", ".picture .nodule path.over")
    assert len(paths) == len(material.result.findings)
    for drawn, finding in zip(paths, material.result.findings, strict=True):
        box = browser.execute_script(
            "const b = arguments[0].getBBox(), s = arguments[0].ownerSVGElement.viewBox.baseVal;"
            "return [b.x / s.width, b.y / s.height, (b.x + b.width) / s.width, (b.y + b.height) / s.height]", drawn,
        )  # fmt: skip
        columns, rows = zip(*[point for ring in finding.contours_xy_px for point in ring], strict=True)
        truth = [
            (min(columns) + 0.5) / image.columns, (min(rows) + 0.5) / image.rows,
            (max(columns) + 0.5) / image.columns, (max(rows) + 0.5) / image.rows,
        ]  # fmt: skip
        assert box == pytest.approx(truth, abs=0.001)
    assert picture["width"] > 800


@pytest.fixture
def printed(material, tmp_path):
    if shutil.which("chromium") is None:
        pytest.skip("chromium is not installed (Debian: chromium)")
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed (Debian: poppler-utils)")

    def pages(result):
        path = tmp_path / "report.pdf"
        write_pdf(report_html(Material(result, material.films, material.bones)), path)
        text = subprocess.run(
            ["pdftotext", "-layout", str(path), "-"], capture_output=True, check=True, text=True
        ).stdout
        info = subprocess.run(["pdfinfo", str(path)], capture_output=True, check=True, text=True).stdout
        return text.split("\f")[:-1], info

    return pages


def test_every_printed_page_says_what_it_is_and_no_row_is_cut(material, printed):
    finding = material.result.findings[0]
    many = [finding.model_copy(update={"id": f"F{n}", "joined_to": ("pelvis", "femur")}) for n in range(1, 121)]
    pages, info = printed(material.result.model_copy(update={"findings": tuple(many)}))
    assert "A4" in info
    assert "Tagged:          yes" in info
    assert len(pages) > 4
    notice = RESEARCH_USE.split(". ")
    for number, page in enumerate(pages, start=1):
        flat = " ".join(page.split())
        assert all(sentence.rstrip(".") in flat for sentence in notice)
        assert f"Page {number} / {len(pages)}" in flat
        assert material.result.study_uid in flat
    size = f"{finding.long_axis_mm:.1f} × {finding.short_axis_mm:.1f} mm"
    low, high = finding.area_range_mm2
    for page in pages:
        # A row takes two lines: its size stands in the first, its range of areas in the second.
        assert page.count(size) == page.count(f"({low:.0f}–{high:.0f})")
        if size in page:
            assert "Long × short axis" in page  # the table's head is repeated
    assert sum(page.count(size) for page in pages) == 120


def test_a_study_of_one_film_is_one_sheet_of_a4(material, printed):
    finding = material.result.findings[0]
    some = tuple(finding.model_copy(update={"id": f"F{n}"}) for n in range(1, 7))
    pages, info = printed(material.result.model_copy(update={"findings": some}))
    assert "A4" in info
    assert len(pages) == 1
    assert "F6" in pages[0]
    assert "Weights (SHA-256)" in pages[0]
    assert "This sheet is a summary" in " ".join(pages[0].split())

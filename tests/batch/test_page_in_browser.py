"""The worklist in a real browser, opened from disk."""

import time

import cv2
import numpy as np
import pytest

from ho_imaging.outputs.worklist import write_page


def study(number, **changes):
    row = {
        "study_uid": f"1.2.{number}", "folder": f"1.2.{number}", "status": "done", "reason": None, "system": "brooker",
        "grade": "I", "alternatives": "", "certainty": 0.8, "score": 10.0 + number, "category": "mild", "findings": 1,
        "area_mm2": 50.0, "longest_mm": 9.0, "region": "hip",
    }  # fmt: skip
    return row | changes


def test_the_worst_comes_first_and_buttons_and_filters_work(browser, tmp_path):
    from selenium.webdriver.support.ui import Select  # noqa: PLC0415

    rows = [
        study(1),
        study(2, grade="IV", category="severe", score=88.0),
        study(3, grade="II", category="moderate", alternatives="III", score=40.0),
        study(
            4, status="refused", reason="</script><b>chest</b>", grade=None, category=None, score=None, region="chest"
        ),
    ]
    out = tmp_path / "out"
    for row in rows:
        folder = out / "studies" / row["folder"]
        folder.mkdir(parents=True)
        cv2.imwrite(str(folder / "thumbnail.jpg"), np.full((84, 60), 128, np.uint8))
    write_page(out, rows)
    browser.get((out / "index.html").as_uri())

    def shown():
        return [cell.text for cell in browser.find_elements("css selector", "td.uid")]

    def settles(wanted):
        """Wait for what is shown: a browser may tell a page of an input a moment later."""
        end = time.monotonic() + 10
        while shown() != wanted and time.monotonic() < end:
            time.sleep(0.05)
        assert shown() == wanted

    def choose(name, value):
        Select(browser.find_element("id", name)).select_by_visible_text(value)

    settles(["1.2.2", "1.2.3", "1.2.1", "1.2.4"])
    choose("status", "refused")
    settles(["1.2.4"])
    assert "</script><b>chest</b>" in browser.find_element("id", "rows").text  # shown as text, not run
    choose("status", "all")
    browser.find_element("id", "unsure").click()
    settles(["1.2.3"])
    browser.find_element("id", "unsure").click()
    browser.find_element("id", "find").send_keys("1.2.1")
    settles(["1.2.1"])
    browser.find_element("id", "find").clear()
    browser.find_element("id", "find").send_keys(" \b")
    browser.find_element("xpath", "//th/button[.='Study']").click()
    settles(["1.2.4", "1.2.3", "1.2.2", "1.2.1"])
    browser.find_element("xpath", "//th/button[.='Study']").click()
    settles(["1.2.1", "1.2.2", "1.2.3", "1.2.4"])
    browser.execute_script("document.querySelectorAll('img').forEach(i => i.loading = 'eager')")
    widths = browser.execute_script(
        "return [...document.querySelectorAll('#rows img')].map(i => i.complete && i.naturalWidth)"
    )
    assert widths == [60] * 4
    assert not [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]


def test_ten_thousand_studies_open_and_sort(browser, tmp_path):
    write_page(tmp_path, [study(number, score=float(number % 100)) for number in range(10_000)])
    browser.get((tmp_path / "index.html").as_uri())
    assert len(browser.find_elements("css selector", "td.uid")) == 200
    assert "10000 of 10000" in browser.find_element("id", "count").text
    browser.find_element("id", "more").click()
    assert "page 2 of 50" in browser.find_element("id", "count").text


def test_a_study_is_found_by_its_file_sorted_by_side_and_opened(browser, tmp_path):
    rows = [study(1, path="in/hip_left.png", side="left"), study(2, path="in/other <b>.png", side="right")]
    for row in rows:
        folder = tmp_path / "studies" / row["folder"]
        folder.mkdir(parents=True)
        cv2.imwrite(str(folder / "thumbnail.jpg"), np.full((84, 60), 128, np.uint8))
        (folder / "report.html").write_text("report")
        if row["side"] == "left":
            cv2.imwrite(str(folder / "9.1.overlay.png"), np.full((40, 50), 128, np.uint8))
            cv2.imwrite(str(folder / "9.1.plain.jpg"), np.full((40, 50), 128, np.uint8))
    write_page(tmp_path, rows)
    browser.get((tmp_path / "index.html").as_uri())

    def files():
        return [cell.text for cell in browser.find_elements("css selector", "td.file")]

    def picture():
        return browser.find_element("id", "picture").get_property("src").rsplit("/", 1)[-1]

    assert files() == ["other <b>.png", "hip_left.png"]
    browser.find_element("xpath", "//th/button[.='Side']").click()
    assert files() == ["other <b>.png", "hip_left.png"]
    browser.find_element("xpath", "//th/button[.='Side']").click()
    assert files() == ["hip_left.png", "other <b>.png"]
    browser.find_element("css selector", "td.film button").click()
    assert browser.find_element("id", "shown").text.startswith("hip_left.png, left")
    assert picture() == "9.1.overlay.png"
    browser.find_element("id", "outlines").click()
    assert picture() == "9.1.plain.jpg"
    assert browser.find_element("id", "report").get_property("href").endswith("/studies/1.2.1/report.html")
    browser.find_element("id", "close").click()
    browser.find_elements("css selector", "td.film button")[1].click()
    assert picture() == "thumbnail.jpg"  # without overlays, with a word on how to get them
    assert "--outputs overlays" in browser.find_element("id", "missing").text
    browser.find_element("id", "close").click()
    browser.find_element("id", "find").send_keys("hip_LEFT")
    assert files() == ["hip_left.png"]


def test_it_speaks_another_language_and_shows_whose_film_it_is(browser, tmp_path):
    rows = [
        study(1, side="left", accession_number="A-17", patient_name="DOE^<b>JANE", path="in/a.png"),
        study(2, side="right", status="refused", reason="Nicht für dieses Programm"),
    ]
    write_page(tmp_path, rows, "de")
    browser.get((tmp_path / "index.html").as_uri())
    heads = [cell.text for cell in browser.find_elements("css selector", "#head th")]
    assert heads[:5] == ["Aufnahme", "Datei", "Auftragsnummer", "Name", "Schwere"]
    shown = browser.find_element("id", "rows").text
    assert all(word in shown for word in ("A-17", "DOE^<b>JANE", "links", "abgelehnt: Nicht für dieses Programm"))
    assert browser.find_element("css selector", "html").get_attribute("lang") == "de"
    assert browser.find_element("id", "count").text == "2 von 2 Studien, Seite 1 von 1"
    browser.find_element("id", "find").send_keys("a-17")
    assert len(browser.find_elements("css selector", "td.uid")) == 1
    assert not [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_scheme_and_fits_a_narrow_screen(browser, tmp_path, scheme):
    write_page(tmp_path, [study(1, path="in/" + "long_name" * 20 + ".png", side="left")])
    try:
        metrics = {"width": 400, "height": 700, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        browser.get((tmp_path / "index.html").as_uri())
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 400
        colour = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert (colour == "rgb(255, 255, 255)") == (scheme == "light")
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

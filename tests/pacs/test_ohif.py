"""The objects in a viewer that many hospitals use: OHIF in a headless browser, fed by Orthanc's DICOMweb.

The viewer comes from its npm package and goes to a temporary folder; it is served to the browser from loopback.
"""

import base64
import http.client
import shutil
import subprocess
import tarfile
import threading
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest

from ho_imaging import Analyzer
from ho_imaging.findings.outline import filled
from ho_imaging.outputs import to_dicom
from ho_imaging.results.points import rows_columns

pytestmark = pytest.mark.slow

SAMPLES = Path(__file__).parents[2] / "sample_data"
OHIF = "@ohif/app@3.12.0"

CONFIG = """
window.config = {
  routerBasename: '/', extensions: [], modes: [], showStudyList: true, maxNumberOfWebWorkers: 1,
  investigationalUseDialog: { option: 'never' }, showErrorDetails: 'always', showWarningMessageForCrossOrigin: false,
  showCPUFallbackMessage: false, strictZSpacingForVolumeViewport: true, defaultDataSourceName: 'archive',
  dataSources: [{
    namespace: '@ohif/extension-default.dataSourcesModule.dicomweb', sourceName: 'archive',
    configuration: {
      friendlyName: 'archive', name: 'archive', qidoRoot: '/dicom-web', wadoRoot: '/dicom-web',
      wadoUriRoot: '/dicom-web', imageRendering: 'wadors', thumbnailRendering: 'wadors', enableStudyLazyLoad: true,
      qidoSupportsIncludeField: false, supportsFuzzyMatching: false, supportsWildcard: true,
      omitQuotationForMultipartRequest: true, bulkDataURI: { enabled: true },
    },
  }],
};
"""


@pytest.fixture(scope="module")
def ohif(tmp_path_factory):
    """Folder of the viewer's files."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("ohif")
    packed = subprocess.run(
        [npm, "pack", "--silent", OHIF], cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )
    archive = next(folder.glob("*.tgz"), None)
    if packed.returncode != 0 or archive is None:
        pytest.skip(f"the npm package {OHIF} cannot be had")
    with tarfile.open(archive) as stream:
        stream.extractall(folder, filter="data")
    return folder / "package" / "dist"


@pytest.fixture
def address(ohif, orthanc):
    """Where the viewer is served, with the archive's DICOMweb beside it as one origin."""

    class Handler(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def __init__(self, *args):
            super().__init__(*args, directory=str(ohif))

        def do_GET(self):
            path = self.path.split("?")[0]
            if path.startswith("/dicom-web/"):
                return self.ask_the_archive()
            if path == "/app-config.js":
                return self.answer(200, "text/javascript", CONFIG.encode())
            if not (ohif / path.lstrip("/")).is_file():
                self.path = "/index.html"  # the viewer's own routes
            return super().do_GET()

        def ask_the_archive(self):
            connection = http.client.HTTPConnection("127.0.0.1", orthanc.http_port, timeout=60)
            key = base64.b64encode(b"reader:secret").decode()
            headers = {"Authorization": f"Basic {key}", "Accept": self.headers.get("Accept", "*/*")}
            connection.request("GET", self.path, headers=headers)
            answer = connection.getresponse()
            self.answer(answer.status, answer.getheader("Content-Type", ""), answer.read())

        def answer(self, status, kind, body):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def end_headers(self):
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
            super().end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


class Viewer:
    """A browser with the viewer in it."""

    def __init__(self, profile):
        from selenium import webdriver  # noqa: PLC0415

        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for flag in (
            "--headless=new", "--no-sandbox", "--no-first-run", "--disable-background-networking", "--disable-sync",
            "--disable-component-update", "--window-size=1600,1000", f"--user-data-dir={profile}",
            "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist",
        ):  # fmt: skip
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
        self.driver = webdriver.Chrome(options=options, service=service)

    def open_study(self, address, study_uid, series):
        self.driver.get(f"{address}/viewer?StudyInstanceUIDs={study_uid}")
        self.until(lambda: len(self.find("//*[starts-with(@data-cy, 'study-browser-thumbnail')]")) == series)
        self.until(self.film_is_drawn)
        for button in self.until(lambda: self.find("//*[text()='Skip all']")):
            button.click()  # the tour that greets a new user

    def open_series(self, modality, number=0):
        """Open a series that has no thumbnail, as a reader does: by a double click on its line, of several on one."""
        from selenium.webdriver import ActionChains  # noqa: PLC0415

        line = f"//div[@data-cy='study-browser-thumbnail-no-image'][.//*[text()='{modality}']]"
        ActionChains(self.driver).double_click(self.until(lambda: self.find(line)[number:])[0]).perform()

    def open_report(self, shows, number=0):
        """Open a report, of several one, and wait until it shows so many texts beside its outlines.

        On a slow machine OHIF leaves all of them out until the film is touched.
        """
        from selenium.webdriver import ActionChains  # noqa: PLC0415

        self.open_series("SR", number)

        def is_shown():
            if len(self.texts()) >= shows:
                return True
            time.sleep(5)
            for film in self.driver.find_elements("css selector", "[data-cy=viewport-pane]"):
                touch = ActionChains(self.driver).move_to_element(film).click_and_hold()
                touch.move_by_offset(9, 9).release().perform()
            return False

        self.until(is_shown)

    def find(self, path):
        return [item for item in self.driver.find_elements("xpath", path) if item.is_displayed()]

    def texts(self):
        """What stands beside the outlines on the film, on screen or beyond its edge."""
        return self.driver.execute_script(
            "return [...document.querySelectorAll('svg.svg-layer text')].map(text => text.textContent)"
        )

    def lines(self):
        return self.driver.find_elements("css selector", "svg.svg-layer polyline, svg.svg-layer path")

    def film(self, shape):
        """The part of the screen where the film is, RGB: it fills the height of its frame (see the picture)."""
        place = self.driver.execute_script(
            "const r = document.querySelector('[data-cy=viewport-pane] canvas').getBoundingClientRect();"
            "return [r.x, r.y, r.width, r.height]"
        )
        screen = cv2.imdecode(np.frombuffer(self.driver.get_screenshot_as_png(), np.uint8), cv2.IMREAD_COLOR_RGB)
        x, y, width, height = place
        wide = height * shape[1] / shape[0]
        left, top = x + (width - wide) / 2, y
        return screen[round(top) : round(top + height), round(left) : round(left + wide)].astype(int)

    def film_is_drawn(self):
        if not self.driver.find_elements("css selector", "[data-cy=viewport-pane] canvas"):
            return False
        screen = self.film((1, 1))
        return screen.size and screen.std() > 20

    def until(self, condition, seconds=300):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = condition()
            if found:
                return found
            time.sleep(0.3)
        raise AssertionError(f"it did not happen; the viewer said {self.complaints()}")

    def complaints(self):
        return [line["message"][:500] for line in self.driver.get_log("browser") if line["level"] == "SEVERE"]


@pytest.fixture
def viewer(tmp_path):
    if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
        pytest.skip("chromium is not installed (Debian: chromium, chromium-driver)")
    made = Viewer(tmp_path / "profile")
    yield made
    made.driver.quit()


@pytest.fixture(scope="module")
def analysis():
    return Analyzer().analyze_films([SAMPLES / "06_both_sides.dcm"])


@pytest.fixture
def stored(orthanc, analysis, tmp_path):
    """The film and its results in the archive."""
    orthanc.upload(SAMPLES / "06_both_sides.dcm")
    for number, item in enumerate(to_dicom(analysis)):
        item.save_as(tmp_path / f"{number}.dcm", enforce_file_format=True)
        orthanc.upload(tmp_path / f"{number}.dcm")
    return analysis.result


def test_segments_lie_on_the_film_and_measures_stand_beside_their_outlines(address, stored, viewer, tmp_path):
    result = stored
    (image,) = result.images
    shape = (image.rows, image.columns)
    viewer.open_study(address, result.study_uid, series=5)
    assert viewer.find("//*[contains(., 'HO imaging: picture')]")  # the secondary capture, for those who want no more

    viewer.open_series("SEG")
    (yes,) = viewer.until(lambda: viewer.find("//*[@data-cy='yes-hydrate-btn']"))
    yes.click()

    def coloured():
        film = viewer.film(shape)
        return film[..., 0] - film[..., 2] > 40

    viewer.until(lambda: coloured().mean() > 0.001)
    time.sleep(2)
    viewer.driver.save_screenshot(str(tmp_path / "segmentation.png"))
    shown = coloured()
    nodules = np.any(
        [filled([rows_columns(ring) for ring in finding.contours_xy_px], shape) for finding in result.findings], axis=0
    )
    truth = cv2.resize(nodules.astype(np.uint8), shown.shape[::-1], interpolation=cv2.INTER_AREA).astype(bool)
    assert (shown & truth).sum() / (shown | truth).sum() > 0.9

    viewer.open_report(len(result.findings) + 2)
    time.sleep(2)
    viewer.driver.save_screenshot(str(tmp_path / "report.png"))
    texts = viewer.texts()
    for finding in result.findings:
        assert any(f"Area: {finding.area_mm2:.2f} mm2Long axis: {finding.long_axis_mm:.2f} mm" in t for t in texts)
    assert any(side.score for side in result.severity.sides)
    for side in (side for side in result.severity.sides if side.score):  # OHIF leaves a zero blank
        assert any(f"0 to 100: {side.score:.2f} {{score}}" in text for text in texts)
    assert any(f"outside the joint: {result.severity.sides[0].evidence.gap_mm:.2f} mm" in text for text in texts)
    assert len(viewer.lines()) >= len(result.findings)
    assert not [line for line in viewer.complaints() if "TypeError" in line]


def test_after_a_late_film_both_reports_show_their_outlines(address, orthanc, viewer, tmp_path):
    """Each report has a series of its own: of two in one series OHIF shows no outline."""
    first, late = pydicom.dcmread(SAMPLES / "06_both_sides.dcm"), pydicom.dcmread(SAMPLES / "02_islands.dcm")
    for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate"):
        setattr(late, keyword, first.get(keyword))
    analyzer = Analyzer()
    before, after = analyzer.analyze_films([first]), analyzer.analyze_films([first, late])
    assert {finding.sop_instance_uid for finding in after.result.findings} == {
        first.SOPInstanceUID,
        late.SOPInstanceUID,
    }
    earlier = to_dicom(before)
    items = {item.SOPInstanceUID: item for item in [first, late, *earlier, *to_dicom(after, previous=earlier)]}
    for number, item in enumerate(items.values()):
        item.save_as(tmp_path / f"{number}.dcm", enforce_file_format=True)
        orthanc.upload(tmp_path / f"{number}.dcm")
    assert len([item for item in items.values() if item.Modality == "SR"]) == 2
    viewer.open_study(address, first.StudyInstanceUID, series=len({item.SeriesInstanceUID for item in items.values()}))
    shown = []
    for number in range(2):
        viewer.open_report(len(before.result.findings) + 2, number)
        time.sleep(3)
        viewer.driver.save_screenshot(str(tmp_path / f"report_{number}.png"))
        shown.append([text for text in viewer.texts() if "Long axis" in text])
        assert len(viewer.lines()) >= len(before.result.findings)
    for texts in shown:
        for finding in before.result.findings:
            assert any(f"Area: {finding.area_mm2:.2f} mm2" in text for text in texts)
    assert not [line for line in viewer.complaints() if "TypeError" in line]


def test_a_report_without_nodules_opens_too(address, orthanc, viewer, tmp_path):
    path = SAMPLES / "01_no_ectopic_bone.dcm"
    analysis = Analyzer().analyze_films([path])
    assert not analysis.result.findings
    orthanc.upload(path)
    for number, item in enumerate(to_dicom(analysis)):
        item.save_as(tmp_path / f"{number}.dcm", enforce_file_format=True)
        orthanc.upload(tmp_path / f"{number}.dcm")
    viewer.open_study(address, analysis.result.study_uid, series=4)
    sides = len(analysis.result.severity.sides)
    viewer.open_report(sides)
    # It shows a value of zero as none.
    viewer.until(lambda: sum("Number of nodules:" in text for text in viewer.texts()) == sides)

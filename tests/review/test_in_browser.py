"""The viewer in a real browser, driven by keys and pointer; what it did is read from the store."""

import time

import pytest

from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.review.inputs import open_study
from ho_imaging.review.page_server import PageServer
from ho_imaging.review.room import ReadingRoom, open_room
from ho_imaging.review.session import ReviewSession
from ho_imaging.review.worklist import open_worklist

STUDY, FILM, LATERAL = "1.2.3", "1.2.3.1", "1.2.3.2"


class Hands:
    """What a reader's hands do."""

    def __init__(self, browser):
        self.browser = browser

    def js(self, code):
        return self.browser.execute_script(f"return {code}")

    def until(self, code, seconds=90):
        end = time.monotonic() + seconds
        while not self.js(f"Boolean({code})"):
            assert time.monotonic() < end, f"never came true: {code}"
            time.sleep(0.03)

    def keys(self, *keys):
        for key in keys:
            self.browser.switch_to.active_element.send_keys(key)

    def drag(self, start, *ends, pane="current"):
        """Press at a source point (x, y), go to others, let go."""
        from selenium.webdriver import ActionChains  # noqa: PLC0415

        top = self.browser.find_element("css selector", f".ho-pane-{pane} .ho-top")
        middle = self.js(f"[review.panes.{pane}.width / 2, review.panes.{pane}.height / 2]")
        points = [self.js(f"review.panes.{pane}.view.toScreen({list(point)})") for point in (start, *ends)]
        at = [(round(x - middle[0]), round(y - middle[1])) for x, y in points]
        chain = ActionChains(self.browser, duration=40).move_to_element_with_offset(top, *at[0]).click_and_hold()
        for offset in at[1:]:
            chain.move_to_element_with_offset(top, *offset)
        chain.release().perform()

    def grey(self, point, pane="current"):
        """Grey shown at a source point."""
        x, y = self.js(f"review.panes.{pane}.view.toScreen({list(point)}).map((v) => Math.round(v * devicePixelRatio))")
        return self.js(f"review.panes.{pane}.base.getContext('2d').getImageData({x}, {y}, 1, 1).data[0]")


@pytest.fixture
def opened(browser):
    servers = []

    def start(room):
        servers.append(PageServer(room, port=0))
        servers[-1].start()
        browser.get(servers[-1].url)
        hands = Hands(browser)
        hands.until("window.review?.panes.current.film && review.state && review.shownAt !== null")
        hands.until("!review.panes.current.dirty")
        return hands

    yield start
    for server in servers:
        server.stop()
    assert not [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]


@pytest.fixture
def reading(batch, opened):
    def start(**options):
        session = ReviewSession(open_study(batch), "AB", ReviewStore(batch / "reviews"), **options)
        return opened(ReadingRoom(session)), session

    return start


def test_nodules_are_judged_drawn_and_undone_by_keys_and_pointer(reading):
    hands, session = reading()
    hands.keys("j", "a")  # and on to the next not looked at
    hands.until("review.state.findings[0].status === 'accepted'")
    hands.keys("x")
    hands.until("review.state.findings[1].status === 'rejected'")
    hands.keys("c", "phleb", "\ue007")
    hands.until("review.state.findings[2].mimic === 'phlebolith'")
    # A stroke to the right of F2 (centre (430, 420), radius 30), which grows there and nowhere else.
    hands.keys("k", "k", "f", "b")
    hands.until("!review.panes.current.dirty")
    hands.drag((455, 420), (480, 420))
    hands.until("review.state.findings[1].reshaped")
    reached = max(x for x, _ in session.state.findings[1].outline_xy_px[0])
    assert reached == pytest.approx(480 + hands.js("review.brush"), abs=1.5)
    assert min(x for x, _ in session.state.findings[1].outline_xy_px[0]) == pytest.approx(400, abs=0.5)
    hands.keys("n")
    hands.drag((300, 600), (330, 620), (360, 600))
    hands.until("review.state.findings.at(-1).id === 'R1'")
    assert hands.js("review.chosen") == "R1"
    hands.keys("e")
    hands.drag((330, 560), (330, 660))
    hands.until("review.state.findings.at(-1).reshaped")
    assert len(session.state.findings[-1].outline_xy_px) == 2  # cut in two
    hands.keys("p")
    for point in ((250, 100), (350, 100), (300, 200)):
        hands.drag(point)
    hands.keys("\ue007")
    hands.until("review.state.count === 8")
    steps = ["open", "accept", "reject", "reclassify", "reshape", "add", "reshape", "reshape"]
    assert [d.action for d in session.decisions] == steps
    assert len(session.state.findings[-1].outline_xy_px) == 3
    for count in range(9, 16):
        hands.keys("z")
        hands.until(f"review.state.count === {count}")
    assert {f.id: f.status for f in session.state.findings} == dict.fromkeys(("F1", "F2", "F3", "F4"), "unseen")
    hands.keys("\ue008Z\ue000")
    hands.until("review.state.count === 16")
    assert session.decisions[-1].action == "redo"


def test_a_study_that_was_analysed_again_says_above_the_film_what_is_left_out(reading, batch):
    from review_page import make_result, write_batch  # noqa: PLC0415

    hands, _ = reading()
    bar = "document.querySelector('.ho-stale')"
    assert hands.js(f"{bar}.hidden")
    hands.keys("j", "a")
    hands.until("review.state.findings[0].status === 'accepted'")
    film = (batch.parent / "films" / "a.png", 700, 600)
    write_batch(batch, make_result(STUDY, {FILM: film}, {FILM: [((210.0, 160.0), 60.0)]}))
    hands, session = reading()
    assert hands.js(f"{bar}.offsetHeight") > 0
    assert "accept F1" in hands.js(f"{bar}.textContent")
    assert session.state.findings[0].status == "unseen"


def test_windowing_zoom_and_overlays_change_the_picture_and_nothing_else(reading):
    hands, session = reading()
    point = (300, 350)
    before = hands.grey(point)
    hands.keys("i")
    hands.until("!review.panes.current.dirty")
    assert hands.grey(point) == pytest.approx(255 - before, abs=1)
    hands.keys("i", "w")
    hands.drag((300, 300), (300, 200))  # up: brighter
    hands.until("!review.panes.current.dirty")
    assert hands.grey(point) > before + 20
    hands.keys("r")
    hands.until("!review.panes.current.dirty")
    assert hands.grey(point) == before
    hands.keys("d")
    assert hands.js("review.panes.current.view.zoom * devicePixelRatio") == pytest.approx(1.0)
    hands.keys("v")
    x = hands.js("review.panes.current.view.toScreen([300, 350])[0]")
    hands.keys("\ue012")  # arrow left: the film moves right
    assert hands.js("review.panes.current.view.toScreen([300, 350])[0]") == pytest.approx(x + 40)
    hands.keys("f", "o", "o", "l")
    assert hands.js("[review.overlay.fill, review.overlay.contours]") == [False, False]
    hands.keys("\ue00f")  # page down: the second film
    hands.until(f"review.panes.current.about.uid === '{LATERAL}' && review.panes.current.film")
    assert hands.js("review.findingsOn(review.panes.current).map((f) => f.id)") == ["F4"]
    asked = hands.js("review.sequence")
    hands.keys("j")  # the first nodule lies on the first film
    hands.until(f"review.panes.current.about.uid === '{FILM}' && review.panes.current.film")
    assert hands.js("review.sequence") == asked  # a film that was shown is not sent again
    hands.keys("?")
    assert "take it" not in hands.browser.find_element("css selector", ".ho-dialog").text
    assert "draw a nodule that was missed" in hands.browser.find_element("css selector", ".ho-dialog").text
    hands.keys("\ue00c")
    assert "RESEARCH USE ONLY" in hands.browser.find_element("css selector", ".ho-research").text
    assert [d.action for d in session.decisions] == ["open"]


def test_a_grade_is_changed_with_a_reason_and_a_distance_measured(reading):
    hands, session = reading()
    hands.browser.find_element("css selector", "[data-gap=left]").click()
    hands.until("review.panes.current.view.zoom > 1")
    ladder = hands.browser.find_element("css selector", ".ho-side[data-side=left] .ho-ladder").text
    assert "bone spurs, at least 1 cm between opposing surfaces" in ladder
    hands.keys("f", "2")  # it is so already
    hands.keys("3", "a spur reaches the ilium", "\ue007")
    hands.until("review.state.sides[1].changed")
    assert session.state.grades["left"] == ("III", "a spur reaches the ilium")
    hands.keys("g", "1", "7")
    hands.until("review.state.sides[0].changed")
    assert session.state.grades["right"] == ("I", "ectopic bone was missed")
    assert [d.action for d in session.decisions] == ["open", "regrade", "regrade"]
    hands.keys("m")
    hands.drag((100, 300), (200, 300))
    hands.until("review.state.measures.length === 1")
    length_mm = session.decisions[-1].value["length_mm"]
    assert length_mm == pytest.approx(20.0, abs=0.4)  # 100 px of 0.2 mm, to a screen pixel


def test_drawing_needs_no_mouse(reading):
    hands, session = reading()
    hands.keys("n", "b", "n")
    for key in ("\ue014", "\ue008\ue014\ue000", " ", "\ue008\ue014\ue000", "\ue008\ue015\ue000", " "):
        hands.keys(key)
    hands.until("review.state.findings.at(-1).id === 'R1'")
    assert session.decisions[-1].action == "add"


def test_a_previous_study_moves_along_or_alone(reading, batch):
    hands, _ = reading(previous=open_study(batch))
    hands.until("review.panes.previous.film")
    assert hands.js("review.findingsOn(review.panes.previous).length") == 3
    hands.keys("v")
    both = "[review.panes.current.view.x, review.panes.previous.view.x]"
    start = hands.js(both)
    hands.drag((300, 300), (350, 300))
    moved = [after - before for after, before in zip(hands.js(both), start, strict=True)]
    assert moved[0] > 10
    assert moved[0] == pytest.approx(moved[1])
    hands.keys("y")
    start = hands.js(both)
    hands.drag((300, 300), (350, 300), pane="previous")
    after = hands.js(both)
    assert after[0] == start[0]
    assert after[1] > start[1] + 10
    hands.keys("s")
    assert not hands.browser.find_element("css selector", ".ho-pane-previous").is_displayed()


def test_a_key_held_down_decides_once_and_undoes_on(reading):
    hands, session = reading()
    held = "review.root.dispatchEvent(new KeyboardEvent('keydown', {key: '%s', repeat: true, bubbles: true}))"
    hands.keys("j", "a")
    for _ in range(5):
        hands.js(held % "a")
    hands.keys("x")
    hands.until("review.state.findings[1].status === 'rejected'")
    assert [d.action for d in session.decisions] == ["open", "accept", "reject"]
    hands.js(held % "z")
    hands.js(held % "z")
    hands.until("review.state.count === 5")
    assert {f.status for f in session.state.findings} == {"unseen"}


def test_a_millimetre_stays_as_long_on_both_films_whatever_is_shown(reading, batch, tmp_path):
    from review_page import make_result, write_batch, write_film  # noqa: PLC0415

    write_film(tmp_path / "films" / "c.png", 300, 900, seed=9)
    earlier = make_result("1.2.2", {"1.2.2.1": (tmp_path / "films" / "c.png", 300, 900)}, {}, spacing_mm=(0.3, 0.3))
    hands, _ = reading(previous=open_study(write_batch(tmp_path / "earlier", earlier)))
    hands.until("review.panes.previous.film")
    scales = "[review.panes.current.view.zoom / 0.2, review.panes.previous.view.zoom / 0.3]"

    def alike():
        current, previous = hands.js(scales)
        return current == pytest.approx(previous)

    assert alike()
    hands.keys("\ue00f")  # the second film, of another size
    hands.until(f"review.panes.current.about.uid === '{LATERAL}' && review.panes.current.film")
    assert alike()
    hands.browser.find_element("css selector", "[data-gap=left]").click()
    hands.until("review.panes.current.view.zoom > 1")
    assert alike()
    hands.keys("s", "+", "+", "s")
    assert hands.browser.find_element("css selector", ".ho-pane-previous").is_displayed()
    assert alike()


def test_a_busy_kernel_is_no_alarm_and_a_lost_one_is(reading):
    hands, session = reading()
    hands.js("(window.fetch = () => new Promise((_, reject) => { window.end = reject; })) && 1")
    hands.keys("j", "a")
    hands.until("!review.busy.hidden")
    assert hands.js("review.banner.hidden")
    hands.js("window.end(new Error('gone')) || 1")
    hands.until("!review.banner.hidden")
    assert "NOT SAVED" in hands.browser.find_element("css selector", ".ho-banner").text
    assert hands.js("review.state.findings[0].status") == "unseen"
    assert [d.action for d in session.decisions] == ["open"]


def test_a_blinded_page_holds_nothing_of_the_model(reading):
    hands, session = reading(blinded=True)
    page = hands.browser.find_element("tag name", "body").text
    assert "none drawn yet" in page
    for word in ("F1", "91 %", "Spurs", "15.0 mm"):
        assert word not in page
    hands.keys("0")  # a blinded grade needs no reason, and the next side follows
    hands.until("review.side === 'left'")
    hands.keys("2")
    hands.until("review.state.sides.every(({ changed }) => changed)")
    hands.keys("q", "\ue007")
    hands.until("review.state.committed")
    assert "Spurs leave 15.0 mm between" in hands.browser.find_element("tag name", "body").text
    assert [d.action for d in session.decisions] == ["open", "regrade", "regrade", "commit"]
    assert {side: grade for side, (grade, _) in session.state.grades.items()} == {"right": "0", "left": "II"}


def test_finish_asks_about_a_grade_without_nodules_and_keeps_the_answer(reading):
    hands, session = reading()
    hands.keys("j")
    for number in range(4):
        hands.keys("x")
        hands.until(f"review.state.findings[{number}].status === 'rejected'")
    card = "document.querySelector('.ho-side[data-side=left]').textContent"
    assert "You changed: F1 rejected, F2 rejected" in hands.js(card)
    assert "outlines of bones were not kept" in hands.js(card)
    hands.keys("q")
    assert "no nodule is left or drawn" in hands.js("document.querySelector('.ho-dialog').textContent")
    hands.keys("\ue009\ue007")  # Ctrl+Enter
    hands.until("review.state.committed")
    assert session.decisions[-1].value == {"confirmed": [{"side": "left", "grade": "II", "nodules": []}]}


def test_a_list_is_read_with_a_few_keys_and_the_next_study_is_there_before_it_is_asked_for(batch, opened, tmp_path):
    from review_page import make_result, write_batch, write_film  # noqa: PLC0415

    write_film(tmp_path / "films" / "c.png", 500, 400, seed=3)
    film = {"1.2.4.1": (tmp_path / "films" / "c.png", 500, 400)}
    write_batch(batch, make_result("1.2.4", film, {"1.2.4.1": [((200.0, 150.0), 40.0)]}))
    hands = opened(open_room(open_worklist(batch, "AB")))
    assert hands.js("review.place.textContent") == "study 1 of 2  ·  0 finished"
    hands.until("[...review.films.keys()].includes('1.2.4/current/1.2.4.1')")
    hands.keys("\ue008A\ue000", "3", "1", "q")
    hands.until("review.study.study_uid === '1.2.4' && review.panes.current.film && review.state && review.looked()")
    assert hands.js("review.place.textContent") == "study 2 of 2  ·  1 finished"
    hands.keys("\ue008A\ue000", "q")
    hands.until("review.hint.textContent.startsWith('All 2 studies are finished')")
    first, second = (ReviewStore(batch / "reviews").read(uid, "AB") for uid in (STUDY, "1.2.4"))
    assert [d.action for d in first] == ["open", *["accept"] * 4, "regrade", "commit", "close"]
    assert first[5].reason == "the gap is narrower than measured"
    assert [d.action for d in second] == ["open", "accept", "commit"]


def test_films_open_whole_and_stay_so_and_the_mouse_is_as_the_reader_is_used_to(reading, batch, tmp_path):
    from review_page import make_result, write_batch, write_film  # noqa: PLC0415

    write_film(tmp_path / "films" / "c.png", 1200, 500, seed=9)
    earlier = make_result("1.2.2", {"1.2.2.1": (tmp_path / "films" / "c.png", 1200, 500)}, {})
    hands, _ = reading(previous=open_study(write_batch(tmp_path / "earlier", earlier)))
    hands.until("review.panes.previous.film")
    inside = (
        "Object.values(review.panes).every((p) => { const [a, b] = [p.view.toScreen([-0.5, -0.5]),"
        " p.view.toScreen([p.about.columns - 0.5, p.about.rows - 0.5])];"
        " return Math.min(...a) >= 0 && b[0] <= p.width && b[1] <= p.height; })"
    )
    assert hands.js(inside)
    before = hands.js("review.panes.current.height")
    hands.browser.set_window_size(1100, 700)
    hands.until(f"review.panes.current.height < {before} - 100")
    assert hands.js(inside)
    assert hands.js("review.root.clientHeight <= innerHeight")
    hands.keys("u")
    low = hands.js("review.panes.current.film.look.low")
    hands.drag((300, 300), (300, 200))
    assert hands.js("review.panes.current.film.look.low") < low
    hands.browser.refresh()
    hands.until("window.review?.study")
    assert hands.js("[review.tool, review.mouse.right]") == ["window", "zoom"]

"""`sim play` in a real headless Chromium: a click, a command, a class, a phone."""

import socket
import threading
import time

import pytest
import uvicorn

from sim.live.incident import Opening
from sim.live.room import Room
from sim.live.server import application
from tests.report.test_browser import browser  # noqa: F401 - a fixture

OPENING = Opening(scenario="container_crash", platforms=("compose", "kubernetes"))


class Served:
    """A room with its server on a free port of this machine."""

    def __init__(self, code=""):
        names = frozenset({"container_crash", "server_crash"})
        self.room = Room(OPENING, names, frozenset({"compose", "kubernetes", "swarm"}), code=code)
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(
            application(self.room, ["127.0.0.1"]), log_level="error", ws="websockets-sansio",
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(
            target=self.server.run, kwargs={"sockets": [listening]}, daemon=True
        )
        self.thread.start()
        while not self.server.started:
            time.sleep(0.02)

    def end(self):
        self.server.should_exit = True
        self.thread.join(10)


@pytest.fixture
def served():
    started = Served()
    yield started
    started.end()


def broken_rules(page):
    """What axe finds: rules of accessibility, and the first element that breaks each."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not there")
    found = axe.Axe().run(page).response["violations"]
    return [(rule["id"], rule["nodes"][0]["html"]) for rule in found]


def opened(browser, address, width=1280):  # noqa: F811
    """A page, and all that it complained about or asked for."""
    page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
    page.complaints, page.requests = [], []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda request: page.requests.append(request.url))
    page.goto(address)
    return page


@pytest.mark.slow
def test_a_container_is_killed_by_a_click_and_a_person_starts_it_again(browser, served):  # noqa: F811
    page = opened(browser, served.address)
    page.wait_for_selector(".side .box")
    page.get_by_role("button", name="api-1").first.click()
    page.get_by_role("button", name="kill (docker kill)").click()
    page.wait_for_selector(".side:first-child .box.exited")
    assert "operator kill api" in page.inner_text("#deeds")
    page.select_option("#you", "compose")
    page.wait_for_selector("#terminal:not([hidden])")
    page.fill("#line", "docker compose up -d")
    page.press("#line", "Enter")
    page.wait_for_selector("#deeds >> text=docker compose up -d")
    page.select_option("#speed", "60")
    page.click("#run")
    page.wait_for_selector(".side:first-child .events >> text=api-1 listens again")
    page.click("#run")
    page.fill("#line", "docker rstart api-1")
    page.press("#line", "Enter")
    page.wait_for_selector("#lines >> text=did you mean docker restart CONTAINER")
    assert page.complaints == []
    assert all(url.startswith((served.address, "data:")) for url in page.requests)


@pytest.mark.slow
def test_a_cable_is_cut_by_a_click_and_users_notice(browser, served):  # noqa: F811
    page = opened(browser, served.address)
    page.wait_for_selector(".side .box")
    page.locator(".side").first.get_by_role("button", name="server-1").click()
    page.get_by_role("button", name="cut it off for a minute").click()
    page.wait_for_selector("#deeds li")
    page.wait_for_selector(".side:first-child .events >> text=all packets between server-1")
    page.select_option("#speed", "60")
    page.click("#run")
    page.wait_for_selector(
        ".side:first-child .events >> text=server-1 and all the rest is as before"
    )
    assert page.complaints == []


@pytest.mark.slow
def test_a_link_opens_the_same_incident_and_going_back_undoes(browser, served):  # noqa: F811
    page = opened(browser, served.address)
    page.wait_for_selector(".side .box")
    page.keyboard.press("n")  # the next event
    page.wait_for_selector(".events >> text=api-1 killed by docker kill")
    page.click("#do")
    page.wait_for_selector("#deeds li")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("#link")
    page.wait_for_selector("#message >> text=the link")
    link = page.evaluate("navigator.clipboard.readText()")
    other = opened(browser, link)
    other.wait_for_selector("#deeds li")
    assert other.inner_text("#time") == page.inner_text("#time")
    assert other.inner_text("#deeds") == page.inner_text("#deeds")
    other.evaluate("() => { slider.value = 10; slider.dispatchEvent(new Event('change')) }")
    other.wait_for_selector("#deeds:empty", state="attached")
    assert page.locator("#deeds li").count() == 1  # each goes its own way


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_and_breaks_no_rule_of_accessibility(browser, served, width):  # noqa: F811
    page = opened(browser, served.address, width)
    page.wait_for_selector(".side .box")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert broken_rules(page) == []


@pytest.mark.slow
def test_a_class_guesses_first_and_the_board_sees_it(browser):  # noqa: F811
    served = Served(code="abc")
    try:
        board = opened(browser, f"{served.address}/board?key={served.room.key}&code=abc")
        board.wait_for_selector("#join >> text=code=abc")
        student = opened(browser, f"{served.address}/?code=abc")
        assert not student.locator("#clock, #break").first.is_visible()  # nothing runs yet
        student.fill("#class input", "Ada")
        student.get_by_role("button", name="Join").click()
        student.wait_for_selector("#class fieldset")
        assert not student.locator("#opening").is_visible()  # which incident is the teacher's word
        student.click("#run")
        student.wait_for_selector("#message >> text=yours, before it runs")
        for number in (0, 1):
            student.check(f"#class input[name=q{number}] >> nth=0")
        student.get_by_role("button", name="That is my prediction").click()
        student.wait_for_selector("#class >> text=is kept until")
        board.wait_for_selector("#rows >> text=Ada")
        board.click("#reveal")
        student.wait_for_selector("#class >> text=What was measured")
        assert "You said: not at all" in student.inner_text("#class")
        assert broken_rules(student) == broken_rules(board) == []
        assert board.complaints == student.complaints == []
    finally:
        served.end()

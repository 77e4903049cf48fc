"""report.html in a real headless Chromium: no error, no request, readable on paper and by hand."""

import shutil

import pytest

from sim.report.page.document import page
from tests.report import pages

NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    if found is None:
        pytest.skip(f"no Chromium on this machine (looked for {', '.join(NAMES)})")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()


class Opened:
    """A page, and everything it complained about or asked for."""

    def __init__(self, browser, folder, text, **context):
        path = folder / "report.html"
        path.write_text(text, encoding="utf-8")
        self.view = browser.new_context(viewport={"width": 1100, "height": 900}, **context)
        self.page = self.view.new_page()
        self.said, self.asked = [], []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append("dialog"))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())
        self.address = path.as_uri()

    def box(self, selector):
        return self.page.locator(selector).first.bounding_box()

    def axis(self):
        return self.page.locator("svg.axis").first.text_content()

    def window(self):
        """(from, to) in seconds, of all that is drawn."""
        data = self.page.locator(".plots")
        return (float(data.get_attribute(f"data-{name}")) for name in ("start", "end"))

    def told(self, number=0):
        """Beside each name above a chart: what is said of its curve."""
        rows = self.page.locator("figure").nth(number).locator(".legend li").all()
        return {row.get_attribute("data-name"): row.locator("output").inner_text() for row in rows}


@pytest.fixture
def opened(browser, tmp_path):
    views = []

    def open_(text, **context):
        made = Opened(browser, tmp_path, text, **context)
        views.append(made.view)
        return made

    yield open_
    for view in views:
        view.close()


@pytest.mark.parametrize("name", pages.CASES)
def test_it_opens_without_a_complaint_or_a_request(name, opened):
    one = opened(page(pages.CASES[name]()))
    assert one.page.locator("h1").inner_text()
    for plot in one.page.locator("figure .u-over").all():
        box = plot.bounding_box()
        one.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert one.said == []
    assert one.asked == [one.address]
    for width in (1280, 800, 390):  # nothing sticks out of the page to the right
        one.page.set_viewport_size({"width": width, "height": 900})
        assert one.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["plain", "month"])
def test_no_rule_of_accessibility_is_broken(name, scheme, opened):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not there")
    one = opened(page(pages.CASES[name]()), color_scheme=scheme)
    one.page.get_by_role("button", name="event ▶").click()
    found = axe.Axe().run(one.page).response["violations"]
    assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found] == []


def test_pointing_reads_the_values_of_that_time(opened):
    one = opened(page(pages.plain()))
    before = one.told()
    box, (start, end) = one.box("figure .u-over"), one.window()
    x = box["x"] + box["width"] * (450.0 - start) / (end - start)  # in the middle of the outage
    one.page.mouse.move(x, box["y"] + 30)
    assert one.page.locator("#now").inner_text() in ("00:07:29", "00:07:30")
    assert one.told() == {"Compose": "0", "Kubernetes": "100"}
    one.page.mouse.move(5, 5)
    assert one.told() == before


def test_keys_reach_every_event_and_value(opened):
    one = opened(page(pages.plain()))
    one.page.get_by_role("button", name="event ▶").focus()
    one.page.keyboard.press("Enter")
    event = "Compose: 00:05:00 api-1 killed by docker kill (exit 137)"
    assert event in one.page.locator("#told").inner_text()
    slider = one.page.get_by_role("slider", name="Time")
    slider.focus()
    for _ in range(3):
        one.page.keyboard.press("PageUp")
    said = slider.get_attribute("aria-valuetext")
    assert "Requests answered well (%): Compose 0, Kubernetes 100." in said
    assert said.startswith(one.page.locator("#now").inner_text())


def test_dragging_looks_closer_and_a_double_click_sees_all_again(opened):
    one = opened(page(pages.plain()))
    whole, box = one.axis(), one.box("figure .u-over")
    y = box["y"] + 40
    one.page.mouse.move(box["x"] + box["width"] * 0.2, y)
    one.page.mouse.down()
    one.page.mouse.move(box["x"] + box["width"] * 0.4, y)
    one.page.mouse.up()
    assert one.axis() != whole
    view = one.page.locator(".lane svg.plot").first.get_attribute("viewBox").split()
    assert float(view[0]) == pytest.approx(240, abs=3)  # of 1200 columns
    assert float(view[2]) == pytest.approx(240, abs=3)
    one.page.mouse.dblclick(box["x"] + 50, y)
    assert one.axis() == whole
    one.page.get_by_role("button", name="closer").click()  # the same by keyboard
    assert one.axis() != whole
    one.page.get_by_role("button", name="all of it").click()
    assert one.axis() == whole
    assert one.said == []


def test_of_many_platforms_those_that_are_chosen_have_colour(opened):
    one = opened(page(pages.month()))
    grey = one.page.locator("figure").first.locator(".legend li.grey")
    assert grey.count() == 7  # of nine
    one.page.get_by_role("checkbox", name="Nomad").check()
    assert grey.count() == 6
    assert "Nomad" not in grey.all_inner_texts()


def test_a_word_explains_itself_where_it_stands(opened):
    one = opened(page(pages.plain()))
    one.page.get_by_text("All figures that differ").click()
    one.page.get_by_role("button", name="availability", exact=True).click()
    words = "availability: good answers / requests that have an outcome"
    assert one.page.locator("[popover]:popover-open").inner_text() == words


def test_it_is_all_there_without_scripts(opened):
    one = opened(page(pages.plain()), java_script_enabled=False)
    assert one.page.locator("figure .panel .line path").count() >= 4
    assert one.page.locator("figure .panel .line path").first.is_visible()
    assert one.page.locator(".event title").count() == 4
    assert not one.page.locator(".live").first.is_visible()  # no promise that only scripts keep


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_ink_stands_out_from_paper(scheme, opened):
    one = opened(page(pages.plain()), color_scheme=scheme)
    script = "getComputedStyle(document.querySelector('{}')).{}"
    paper = brightness(one.page.evaluate(script.format("body", "backgroundColor")))
    for what, style in (("body", "color"), (".small", "color"), (".line.p0", "stroke"),
                        (".line.p1", "stroke")):  # fmt: skip
        ink = brightness(one.page.evaluate(script.format(what, style)))
        high, low = max(ink, paper), min(ink, paper)
        assert (high + 0.05) / (low + 0.05) >= 4.5, what  # WCAG 2.1, contrast of texts (AA)


def brightness(colour):
    """Relative luminance of `rgb(r, g, b)` (WCAG 2.1)."""
    parts = [int(one) / 255 for one in colour.removeprefix("rgb(").rstrip(")").split(",")]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_lines_differ_by_more_than_colour(opened):
    one = opened(page(pages.month()))
    styles = one.page.evaluate(
        "[...document.querySelector('figure').querySelectorAll('.legend .line')]"
        ".map(line => getComputedStyle(line).strokeDasharray)"
    )
    assert len(styles) == len(set(styles)) == 9


def test_it_prints_on_paper(opened):
    one = opened(page(pages.month()))
    one.page.emulate_media(media="print")
    assert not one.page.locator("nav").is_visible()
    assert not one.page.locator("canvas").first.is_visible()
    panels = one.page.locator("figure").first.locator(".panel")
    assert panels.count() == 9  # a plot for each platform: distinct without colour
    assert panels.last.is_visible()
    one.page.set_viewport_size({"width": 718, "height": 1000})  # A4 between its margins
    assert one.page.evaluate("document.documentElement.scrollWidth") <= 718
    for table in one.page.locator("#figures .many, #spent .many").all():
        box = table.bounding_box()
        assert box["x"] + box["width"] <= 718
    assert one.page.pdf(format="A4").startswith(b"%PDF")
    for summary in one.page.locator("details:not(.fold)").all():  # on paper nobody can open them
        assert summary.locator(":scope > *").last.is_visible()


def test_it_fits_a_telephone(opened):
    one = opened(page(pages.plain()))
    one.page.set_viewport_size({"width": 390, "height": 800})
    assert one.page.evaluate("document.documentElement.scrollWidth") <= 390
    box = one.box("figure .u-over")
    assert box["x"] >= 0
    assert 280 <= box["width"] <= 390
    assert one.box("figure .legend")["y"] < box["y"]  # names stand above their curves

"""report.html as text: what it says, that it is whole by itself, small, and safe."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest

from sim.constants.facts import Fact, Held
from sim.dataplane.codes import REQUEST_CAUSES
from sim.dataplane.tables import CallGauge, ServiceGauge
from sim.report import colours
from sim.report.page.calls import call_graphs
from sim.report.page.charts import View, charts, platform_lane
from sim.report.page.constants import constants
from sim.report.page.document import page
from sim.report.page.sections import SECTIONS, mechanism, sections
from sim.report.page.topology import snapshot, snapshots
from sim.results.run import Span, TimelineRow
from tests.report import pages
from tests.results.results import result
from tests.results.synthetic import recording


class Reader(HTMLParser):
    """Tags that are open, attributes that load something, and the text."""

    VOID = {"meta", "link", "br", "wbr", "img", "hr", "input"}

    def __init__(self):
        super().__init__()
        self.open, self.addresses, self.tags, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [v for k, v in attrs if k in ("src", "href", "xlink:href", "action")]
        self.addresses += [k for k, _ in attrs if k.startswith("on")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text.append(data)


def read(text):
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    return reader


@pytest.fixture(scope="module", params=pages.CASES)
def made(request):
    return request.param, page(pages.CASES[request.param]())


def test_it_is_well_formed_and_loads_nothing(made):
    _, text = made
    reader = read(text)
    assert all(one.startswith("#") or one == "data:," for one in reader.addresses)
    assert reader.tags.count("script") == 1
    addresses = set(re.findall(r"https?://[^\" ]*", text))
    home = "https://github.com/leeoniya/uPlot"  # in its notice; and a name, no link
    assert addresses == {home, "http://www.w3.org/2000/svg"}
    assert "Copyright (c) 2022 Leon Sorokin" in text


def test_it_is_small_however_long_the_run_or_large_the_platform(made):
    name, text = made
    assert len(text.encode()) < 400_000, name


def test_the_verdict_comes_first():
    reader = read(page(result()))
    said = "".join(reader.text)
    verdict = r"Kubernetes: 5 min 38 s less down than Compose \(3 s against 5 min 41 s\)"
    found = re.search(verdict, said)
    assert found
    assert found.start() < said.index("availability")


def test_texts_are_texts_and_never_markup():
    text = page(pages.hostile())
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "&lt;script&gt;alert" in text
    assert "{{ 7 * 7 }}" in text  # no template runs inside another


def test_the_same_result_is_the_same_page():
    assert page(pages.plain()) == page(pages.plain())


def test_the_seed_the_versions_and_the_command_are_there():
    one = replace(result(), command="python -m sim run x --seed 7", versions=(("Python", "3.x"),))
    text = "".join(read(page(one)).text)
    assert "python -m sim run x --seed 7" in text
    assert "Python 3.x" in text
    assert "seed 7" in text
    assert "postgres has its defaults" in text


def test_every_section_has_an_anchor_and_a_heading():
    one = pages.plain()
    text = page(one)
    for section in sections(one):
        assert f'<section id="{section.ident}">' in text
        assert f'<a href="#{section.ident}">' in text
    # nobody asked for rungs or unknowns, and nobody calls anybody
    assert len(sections(one)) == len(SECTIONS) - 3


def test_sections_that_have_nothing_to_say_are_left_out():
    idents = [section.ident for section in sections(pages.nothing())]
    assert "spent" not in idents
    assert "topology" not in idents
    assert "series" in idents


def test_curves_have_words_for_who_does_not_see_them():
    labels = re.findall(r'role="img" aria-label="([^"]*)"', page(pages.plain()))
    assert any("Compose: down from 00:05:00 to 00:10:4" in label for label in labels)
    assert any(label.startswith("Requests answered well: Compose 0 to 100 %") for label in labels)


def test_the_highest_value_of_the_table_is_in_the_picture():
    """Series are samples once a second; the table's peaks are exact."""
    one = pages.plain()
    run = replace(one.runs[0], gauge=one.runs[0].gauge._replace(backlog_peak=5))
    made = charts(pages.of(run))
    (queue,) = (chart for chart in made.charts if chart.title == "Jobs in the queue")
    assert queue.lines[0].peak == 5.0 <= queue.top
    assert queue.lines[0].told.endswith(" to 5")


def test_a_curve_that_all_platforms_share_is_drawn_once():
    run = pages.plain().runs[0]
    both = pages.of(run, replace(run, platform="kubernetes"))
    for chart in charts(both).charts:
        assert [line.platform for line in chart.lines] == ["the same on all platforms"]


def test_a_platform_has_one_colour_whoever_stands_beside_it():
    alone, among = colours.kinds(["nomad"]), colours.kinds(["own", "kubernetes-rollback", "nomad"])
    assert alone[0] == among[2]
    assert len(set(among)) == 3
    assert len(set(colours.kinds([*colours.NAMED, "a", "b", "c", "d"]))) == 12


def test_rows_that_are_equal_are_told_once():
    run = pages.plain().runs[0]
    both = pages.of(run, replace(run, platform="kubernetes"))
    (section,) = (s for s in sections(both) if s.ident == "figures")
    assert section.data["sections"] == []
    assert ("Users", "down") in {(title, row.label) for title, row in section.data["equal"]}


def test_who_asked_whom_is_drawn_and_said():
    """Each call with its count and share; red is what fails more than users bear."""
    run = pages.plain().runs[0]
    failed = (0,) * len(REQUEST_CAUSES)
    gauges = {name: ServiceGauge(100, 100, 0, 0, 0, 0, failed) for name in ("web", "bank", "shelf")}
    calls = {"bank": {"": CallGauge(200, 400, 50, 20)}, "shelf": {"": CallGauge(1000, 1000)}}
    called = replace(
        run,
        services=gauges,
        calls={"web": ("bank", "shelf"), "bank": (), "shelf": ()},
        callers={"users": {"web": {"": CallGauge(100, 100)}}, "web": calls},
        answers={name: np.zeros((len(run.series["t_s"]), 3), np.int64) for name in gauges},
    )
    (graph,) = call_graphs(pages.of(called))
    assert graph.platform == "Compose"
    drawing = ElementTree.fromstring(graph.drawing)
    texts = ["".join(node.itertext()) for node in drawing.iter() if node.tag.endswith("}text")]
    assert {"200 calls", "75.0 % answered", "1,000 calls", "all answered"} <= set(texts)
    paths = [node for node in drawing.iter() if node.tag.endswith("}path")][1:]
    failing = {p[0].text.split(":")[0] for p in paths if "failing" in p.get("class", "")}
    assert "web to bank" in failing
    assert "web to shelf" not in failing
    assert "web to bank: 200 calls, 25.0 % failed (10.0 % given up), 2 tries each" in graph.words
    result = pages.of(called)
    read(page(result))
    assert not list(call_graphs(pages.plain()))
    figures = result.platforms["compose"] | {"began_at": "orders", "databases": {"orders": {}}}
    (graph,) = call_graphs(SimpleNamespace(slo=result.slo, platforms={"compose": figures}))
    assert graph.words.endswith("; it began at the database orders")  # which has no box
    assert "it began at the database orders" in graph.drawing


def test_topology_tells_the_loss_of_a_server():
    (before, worst, after) = snapshots(pages.plain().runs[0])
    groups = [[(g.service, g.state, g.number) for g in place.groups] for place in before.places]
    assert groups == [[("api", "ready", 2)], [("api", "ready", 1)], [("api", "ready", 1)]]
    assert after.places == before.places
    lost = snapshot("", 330.0, pages.plain().runs[0].spans)
    assert [(g.state, g.number) for g in lost.places[0].groups] == [("away", 2)]
    assert worst.t_s == pytest.approx(470.5, abs=2)  # the middle of five minutes and 41 s


def test_topology_without_an_outage_shows_the_time_of_most_change():
    run = result(platforms=("kubernetes",)).runs[0]
    record = recording(20.0, 1200, ())
    ready = np.where((run.series["t_s"] > 600) & (run.series["t_s"] <= 800), 9.0, 3.0)
    grown = replace(
        run,
        recording=record,
        series=run.series | {"ready": ready, "replicas": ready + (ready > 3)},
        spans=pages.spans(3, 1200.0, 300.0),
    )
    (before, during, after) = snapshots(grown)
    assert (before.title, during.title, after.title) == ("before", "during", "at the end")
    assert 690 <= during.t_s <= 710
    assert (before.reached, during.reached) == ("", "9 of 10 running replicas get traffic")


def test_a_dot_stands_at_the_time_of_its_event():
    one = pages.plain()
    told = (TimelineRow(300.0, "operator_kill", "api-1", "x"), TimelineRow(700.0, "page", "", "y"))
    for run in one.runs:
        marks = platform_lane(0, replace(run, timeline=told), View(200.0, 1000.0, 800)).marks
        assert [mark.x for mark in marks] == [100.0, 500.0]


def test_constants_are_told_in_their_units_and_services_once():
    grace = Fact("docker.stop_grace", 10.0, "s", "then SIGKILL", "moby <b>")
    paths = tuple(f"stack.services.{name}.stop.grace" for name in ("api", "worker"))
    size = Fact("image.size", 200 * 1024**2, "bytes", "of an image", "chosen")
    fixed = Fact("qos.x", 1, "replicas", "says", "source", "the kernel's")
    held = (Held(grace, 30.0, paths), Held(size, size.value, ("a.b",)), Held(fixed, 1))
    told = constants(held)
    assert [(row.value, row.other) for row in told] == [
        ("30 s", "10 s"), ("200 MiB", ""), ("1 replica", ""),
    ]  # fmt: skip
    assert told[0].paths == ("stack.services.api.stop.grace (also worker)",)
    assert told[2].paths == ("fixed: the kernel's",)
    shown = page(replace(pages.plain(), facts=held, told=("stack.x=<i>",)))
    assert "instead of 10 s" in shown
    assert "stack.x = &lt;i&gt;" in shown
    assert "moby &lt;b&gt;" in shown


def test_topology_counts_what_has_no_server():
    waiting = Span("pending", "api (no server yet)", "pending", 5.0, 9.0, "api")
    server = Span("server", "server-1", "up", 0.0, 9.0, "", "server-1")
    found = snapshot("", 6.0, [server, waiting, waiting._replace(start_s=5.5)])
    assert [(g.service, g.state, g.number) for g in found.waiting] == [("api", "pending", 2)]
    assert snapshot("", 4.0, [server, waiting]).waiting == ()


def test_a_thousand_servers_are_summed_up():
    many = [Span("server", f"server-{k}", "up", 0.0, 9.0, "", f"server-{k}") for k in range(1000)]
    found = snapshot("", 1.0, many)
    assert [place.name for place in found.places][:3] == ["server-0", "server-1", "server-2"]
    assert len(found.places) + found.unshown == 1000


def test_mechanisms_are_told_with_their_parameters():
    from sim.platforms.kubernetes import PLATFORM

    assert mechanism(None) == "left to the operator"
    told = "KubeletRestarts: relist_s 1, start_s 10, factor 2, cap_s 300, reset_s 600"
    assert mechanism(PLATFORM.self_healing) == told


def test_a_result_writes_its_page_anywhere(tmp_path):
    path = result().report(tmp_path / "one.html")
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    folder = result().write(tmp_path / "folder", plots=False)
    assert (folder / "report.html").is_file()


def test_the_committed_sample_has_every_section():
    """`reports/README.md` says how to make it again."""
    sample = (Path(__file__).parents[2] / "reports/sample/report.html").read_text(encoding="utf-8")
    assert re.findall(r'<section id="(\w+)">', sample) == [
        section.ident for section in sections(pages.plain())
    ]
    assert len(sample.encode()) < 400_000
    read(sample)

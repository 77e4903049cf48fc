"""An incident of the page: what was done by hand, going back, and what comes out."""

import pytest

import sim
from sim.live.incident import Deed, LiveIncident, Opening, down_s, text_of
from sim.schema.fields import InputError

KILL = {"operator_kill": {"service": "http"}}


def opened(*platforms, **changes):
    return LiveIncident(Opening(scenario="container_crash", platforms=platforms, **changes))


def replayed(file):
    """The figures of a scenario's file under Compose."""
    return sim.run(str(file), platform="compose", seed=1).summary["platforms"]["compose"]


def test_an_incident_that_nobody_touches_is_the_run_of_the_command_line():
    incident = opened("compose", "kubernetes")
    incident.advance(400.0)
    incident.advance(1e9)
    assert incident.over
    assert incident.now == 1800.0
    alone = sim.compare("container_crash", ["compose", "kubernetes"], seed=1).summary
    assert incident.figures() == [alone["platforms"][name] for name in ("compose", "kubernetes")]


def test_what_the_page_shows_as_downtime_is_that_of_the_report():
    incident = opened("compose")
    incident.advance(1800.0)
    (figures,) = incident.figures()
    shown = down_s(incident.sides[0].curve, 0.5)
    assert abs(shown - figures["downtime_s"]) <= 2 * incident.sides[0].every_s


def test_going_back_undoes_what_was_done_and_is_the_same_again():
    incident = opened("compose")
    incident.advance(100.0)
    incident.do(Deed(at=100.0, event=KILL))
    incident.advance(300.0)
    first = [dict(row) for row in incident.sides[0].rows]
    deeds = incident.deeds
    incident.rewind(50.0)
    assert incident.deeds == ()
    assert incident.sides[0].rows == []
    assert incident.now == 50.0
    incident.replay(deeds, 300.0)
    assert incident.sides[0].rows == first


def test_you_are_the_operator_and_beside_you_stands_the_modelled_one():
    incident = opened("compose", "kubernetes", you="compose")
    incident.advance(1800.0)
    yours, hers = incident.figures()
    assert [side.title for side in incident.sides] == ["Compose, you are the operator", "Compose"]
    assert hers["downtime_s"] < 400
    assert hers["operator"]["pages"] == 1
    assert yours["downtime_s"] > 1400
    assert yours["operator"]["pages"] == 0


def test_a_command_acts_on_your_side_alone():
    incident = opened("compose", you="compose")
    incident.advance(400.0)
    incident.do(Deed(at=400.0, event={"scale": {"services": {"api": 2}}}, to="you"))
    yours, hers = incident.sides
    assert any(row["event"] == "scale" for row in yours.rows)
    assert not any(row["event"] == "scale" for row in hers.rows)


def test_an_event_that_one_platform_refuses_happens_on_none():
    incident = opened("compose", "kubernetes")
    incident.advance(10.0)
    with pytest.raises(InputError):
        incident.do(Deed(at=10.0, event={"server_crash": {"server": 2}}))  # Compose has one
    assert incident.deeds == ()
    assert all(side.rows == [] for side in incident.sides)


def test_the_scenario_file_makes_the_same_run(tmp_path):
    incident = opened("compose", you="compose")
    incident.advance(400.25)
    incident.do(Deed(at=400.25, event={"scale": {"services": {"api": 2}}}, to="you"))
    incident.do(Deed(at=400.25, event={"traffic": {"rate": "9/s"}}))
    incident.advance(1800.0)
    file = tmp_path / "mine.yaml"
    for number, figures in enumerate(incident.figures()):
        file.write_text(incident.script(number), encoding="utf-8")
        assert replayed(file) == figures


def test_a_variant_is_written_as_it_ran(tmp_path):
    incident = LiveIncident(Opening(scenario="container_crash:worker", platforms=("compose",)))
    incident.advance(1800.0)
    file = tmp_path / "mine.yaml"
    file.write_text(incident.script(0), encoding="utf-8")
    assert [replayed(file)] == incident.figures()


def test_the_report_of_a_side_up_to_now():
    incident = opened("compose")
    incident.advance(600.0)
    assert "<svg" in incident.page(0)
    assert incident.now == 600.0
    assert not incident.over


def test_the_next_event_is_where_something_happens():
    incident = opened("compose")
    incident.jump()
    assert 300.0 <= incident.now <= 305.0
    assert incident.sides[0].rows[0]["event"] == "exit"


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ({"hang": {"service": "http", "lasts": "2m"}}, "hang http (lasts 2m)"),
        ({"server_crash": {"server": 0}}, "server crash (server 0)"),
        ({"traffic": {"rate": "9/s"}}, "traffic (rate 9/s)"),
    ],
)
def test_a_deed_in_words(event, text):
    assert text_of(event) == text

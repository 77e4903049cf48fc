"""An audit: which faults it puts where, what it ranks, and that it finds a planted pair."""

import json
from pathlib import Path

import pytest

from sim.schema.fields import InputError
from sim.study.ask import Ask
from sim.study.decision import audit
from sim.study.decision.audit import Fault, FaultSet, events, faults, smallest, together
from sim.study.plan import plan
from tests.study.runs import ALONE, interrupted

KILL = Fault(name="kill", event={"operator_kill": {"service": "http"}})
STOP = Fault(name="stop", event={"operator_stop": {"service": "http"}})
CALM = Fault(name="calm", event={"operator_kill": {"service": "worker"}})
LISTED = (KILL, STOP, CALM)
ASK = Ask(
    "container_crash", ["compose_hardened"],
    settings=("scenario.horizon=12m", "scenario.traffic.scale=0.2"),
)  # fmt: skip


def test_one_fault_comes_at_the_phase_and_of_two_the_second():
    assert events((KILL,), 60.0) == [{"at": "360s", **KILL.event}]
    assert events((KILL, STOP), 60.0) == [
        {"at": "300s", **KILL.event},
        {"at": "360s", **STOP.event},
    ]


class Held:
    def __init__(self, held, failed):
        self.slo_held = held
        self.figures = {"requests": {"failed": failed}, "downtime_s": failed}


def trouble(names, *held):
    return FaultSet(names, "compose", {60.0 * k: (Held(h, 10.0),) for k, h in enumerate(held)})


def test_the_smallest_sets_and_those_that_break_it_together_only():
    a, b = trouble(("a",), True, False), trouble(("b",), True, True)
    c, ab = trouble(("c",), True, True), trouble(("a", "b"), False, False)
    bc = trouble(("b", "c"), True, False)
    assert smallest([a, b, c, ab, bc]) == [a]
    assert smallest([b, c, bc]) == [bc]
    assert smallest([b, c]) == []
    assert together([a, b, c, ab, bc]) == [bc]  # ab is broken by a alone


def heard(*names_of, most=None):
    """What is said of single faults that all break the SLO, and of one that does not."""
    sets = [trouble((name,), False) for name in names_of]
    planned = plan(ASK)
    sets = [each._replace(platform="compose_hardened") for each in sets]
    done = audit.Audit(planned, LISTED, (), (), tuple(sets))
    return audit.finding(done, "compose_hardened"), list(
        audit._lines(done, lambda rows: [f"{len(rows)} rows"], most)
    )


@pytest.mark.parametrize(
    ("names", "others"), [(("a",), ""), (("a", "b"), " (so does 1 other)"),
                          (("a", "b", "c"), " (so do 2 others)")],
)  # fmt: skip
def test_how_many_others_break_it(names, others):
    said, _ = heard(*names)
    assert said == f"Compose hardened: a breaks the SLO, 10 failed requests{others}."


def test_a_terminal_s_list_says_how_many_more_there_are():
    more = [line for line in heard("a", "b", "c", most=2)[1] if line.startswith("... and")]
    assert more == ["... and 1 more in audit.md"]
    for most in (3, None):
        assert not any(line.startswith("... and") for line in heard("a", "b", "c", most=most)[1])


def test_it_finds_a_planted_pair_and_says_what_cures_it(tmp_path):
    """Two replicas behind HAProxy: one may be killed, and one may be stopped, but not both."""
    done = audit.measure(audit.prepare(ASK, LISTED), ALONE)
    assert [t.names for t in done.troubles if len(t.names) == 1 and t.breaks] == []
    assert [t.names for t in done.smallest("compose_hardened")] == [("kill", "stop")]
    assert done.together("compose_hardened") == done.smallest("compose_hardened")
    assert done.troubles[0].names == ("kill", "stop")
    said = audit.PAGE.text(done)
    assert said.startswith("Compose hardened: kill, then stop breaks the SLO")
    cure = done.cures["compose_hardened"]
    assert cure.change is not None
    assert cure.change.gains["requests.failed"].mean > 0
    for name, write in audit.PAGE.parts(done).items():
        write(tmp_path / name)
    record = json.loads((tmp_path / "audit.json").read_text())
    assert record["together"] == {"compose_hardened": [["kill", "stop"]]}
    assert len(record["runs"]) == (3 + 3) * 3
    assert len((tmp_path / "audit.csv").read_text().splitlines()) == 1 + 18


def test_an_interrupted_audit_tells_what_was_finished():
    done = audit.measure(audit.prepare(ASK, LISTED), interrupted(2))
    assert done.interrupted
    assert len(done.troubles) < 6
    assert "Interrupted" in audit.PAGE.text(done)


def test_what_the_stack_cannot_have_is_left_out_and_told():
    nobody = Fault(name="queue", event={"process_crash": {"service": "nobody"}})
    runs = audit.prepare(ASK, (KILL, nobody))
    (line,) = runs.left_out
    assert line.startswith("queue: --faults events.0.process_crash.service")
    assert {names for names, _, _ in runs.runs} == {("kill",)}
    with pytest.raises(InputError, match="nobody"):
        audit.prepare(ASK, (nobody,))


def test_every_fault_of_the_file_can_happen_where_somebody_else_is_asked():
    cache = ("stack.services.cache={role: cache}",)
    runs = audit.prepare(Ask("third_party_down", ["compose"], settings=cache), faults())
    assert runs.left_out == ()
    alone = {names[0] for names, _, _ in runs.runs if len(names) == 1}
    assert {"half of the queries locked", "bad plan", "bad config", "third party slow"} <= alone
    assert "cache flushed" in alone


def test_a_horizon_that_ends_before_the_faults_is_told():
    with pytest.raises(InputError, match="by which faults have come"):
        audit.prepare(Ask("container_crash", settings=("scenario.horizon=8m",)), LISTED)


def test_every_listed_fault_fits_the_stacks_that_come_with_the_program():
    for stack in ("sspp", "sspp_public"):
        runs = audit.prepare(Ask("container_crash", stack=stack), faults()[:3])
        assert runs.left_out == ()
    assert len({fault.name for fault in faults()}) == len(faults())


def test_the_stack_s_own_names_stand_beside_those_of_the_faults():
    files = str(Path(__file__).parents[1] / "data" / "compose" / "cases" / "voting.yml")
    prepared = audit.prepare(Ask("container_crash", ["compose"], stack=files), faults())
    text = audit.PAGE.text(prepared)
    assert "In cases API is vote, database is db, queue is redis." in text
    assert "Not tried: third party slow: cases has no external" in text
    assert "expected a service of the stack" not in text

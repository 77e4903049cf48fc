"""Timers: the order of one instant; a cancelled one never acts and never holds the run back."""

import ast
import itertools
import math
from pathlib import Path

import pytest

from sim.control.core.clock import KEYS, PARTS, Clock, Rank, priority
from sim.control.core.records import NonsenseError

SIM = Path(__file__).resolve().parents[3] / "sim"


def test_a_cancelled_timer_is_no_due_event():
    clock, heard = Clock(), []
    soon, late = clock.after(1.0, Rank.PROBE, 1), clock.after(2.0, Rank.PROBE, 2)
    soon.callbacks.append(lambda _: heard.append("soon"))
    late.callbacks.append(lambda _: heard.append("late"))
    soon.cancel()
    assert clock.due() == 2.0
    clock.env.run()
    assert heard == ["late"]
    assert clock.due() == math.inf


def test_a_timer_cancelled_behind_another_waits_its_turn():
    clock = Clock()
    clock.after(1.0, Rank.PROBE)
    clock.after(2.0, Rank.PROBE).cancel()
    assert clock.due() == 1.0
    clock.env.step()
    assert clock.due() == math.inf


def test_no_two_ranks_keys_or_parts_ever_share_a_place():
    """The largest of one comes before the smallest of the next."""
    ends = list(itertools.product((0, 1, KEYS - 1), (0, 1, PARTS - 1)))
    places = [priority(rank, *end) for rank in Rank for end in ends]
    assert places == sorted(set(places))
    assert places[0] > 1  # SimPy's own priorities: what follows at once comes before all


def test_an_instant_goes_by_rank_then_key_then_part_and_not_by_who_asked_first():
    clock, heard = Clock(), []
    waits = [
        (Rank.OBSERVER, 0, 0), (Rank.OPERATOR, 0, 0), (Rank.PROBE, 2, 0), (Rank.PROBE, 1, 3),
        (Rank.PROBE, 1, 2), (Rank.RUNTIME, KEYS - 1, 0), (Rank.FAULT, 0, 0),
    ]  # fmt: skip
    for wait in waits:
        clock.at(5.0, *wait).callbacks.append(lambda _, wait=wait: heard.append(wait))
    assert clock.due() == 5.0
    assert clock.rank_due() == Rank.FAULT
    clock.at_once(lambda _: None)
    assert clock.rank_due() == 0
    clock.env.run()
    assert heard == waits[::-1]


@pytest.mark.parametrize(
    ("rank", "key", "part"),
    [(3, 0, 0), ("RUNTIME", 0, 0), (Rank.PROBE, -1, 0), (Rank.PROBE, KEYS, 0), (Rank.PROBE, 0, 8)],
)
def test_what_has_no_place_is_refused(rank, key, part):
    with pytest.raises(NonsenseError, match="a wait of"):
        Clock().after(1.0, rank, key, part)


def test_a_rank_stands_once():
    """A second line of a name, or of a number, would let two mechanisms meet."""
    names = [
        target.id
        for node in ast.walk(ast.parse((SIM / "control/core/clock.py").read_text()))
        if isinstance(node, ast.ClassDef) and node.name == "Rank"
        for line in node.body
        if isinstance(line, ast.Assign)
        for target in line.targets
    ]
    assert names == [rank.name for rank in Rank]
    assert len({rank.value for rank in Rank}) == len(names)


def waits():
    """(file, call, rank) of each wait in the source that names its rank."""
    for path in [*SIM.rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                for at, argument in enumerate(node.args):
                    if (
                        isinstance(argument, ast.Attribute)
                        and ast.unparse(argument.value) == "Rank"
                    ):
                        yield f"{path.name}:{node.lineno}", node.args[at + 1 :], argument.attr


def test_every_rank_is_waited_with_and_no_key_is_shifted_by_hand():
    found = list(waits())
    assert {rank for _, _, rank in found} == {rank.name for rank in Rank}
    shifted = [
        place
        for place, rest, _ in found
        for argument in rest[:1]
        if any(isinstance(node, ast.BinOp) for node in ast.walk(argument))
    ]
    assert shifted == [], "a key is an id or a number: another kind of wait gets a line in Rank"

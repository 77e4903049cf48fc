"""The repertoire: what she tries next for what she sees, as a table; and what people type."""

from __future__ import annotations

from string import Formatter
from typing import get_args

import pytest

from sim.control.people import growth
from sim.control.people.commands import COMMANDS, ELSEWHERE, Verb, command_of, console_of
from sim.control.people.growth import doubled, typed
from sim.control.people.human import Human
from sim.control.people.on_call import DO
from sim.control.people.repertoire import (
    REPERTOIRE,
    Remedy,
    Symptoms,
    candidates,
    colleague_takes,
    next_remedy,
    would_have_helped,
)
from sim.platforms import load, names
from tests.control.world import World, stack_of

STUCK = Symptoms(failing=True, busy="api")
SMALL = Symptoms(failing=True, busy="api", hot="api", full=True, lone=True)
AGAIN = ["restart_busy"] * 2
CROWDED = Symptoms(failing=True, busy="api", hot="api", full=True)


@pytest.mark.parametrize(
    ("symptoms", "remedies", "ends"),
    [
        (Symptoms(), [], True),
        (Symptoms(failing=True), [], True),  # nothing that she can see
        (Symptoms(server_away=True, bad_version="api", down=4), ["wait_for_server"], False),
        (Symptoms(primary_lost="orders", server_away=True), ["promote"], False),
        (Symptoms(trouble=True, down=1), ["repair"], False),
        (Symptoms(bad_version="api", connections_short=True, down=1), ["roll_back"], False),
        (Symptoms(locked_out=True, down=1), ["fix_secret"], False),
        (Symptoms(connections_short=True, down=2), ["raise_connections", "add_pooler", "start"],
         False),
        (Symptoms(down=2, hung=1), ["start"], False),
        (Symptoms(provider_away="orders", backing_off=1), ["wait_for_provider"], False),
        (Symptoms(backing_off=1), ["restart_silent"] * 3, True),
        (Symptoms(hung=1, wrong_address=True), ["restart_silent"], False),
        (Symptoms(wrong_address=True, changed="api", failing=True), ["fix_backends"], False),
        (Symptoms(node_away=True), ["write_off"], True),
        # what changed lately comes first, if somebody suffers
        (Symptoms(changed="api"), [], True),
        (Symptoms(changed="api", failing=True, busy="api"), ["roll_back", "restart_busy"], False),
        (STUCK, ["restart_busy", *["scale_out"] * 6, "shed", *AGAIN], True),
        (Symptoms(failing=True, busy="api", pools_short=True, under_way=True),
         ["restart_busy", "widen_pools", "shed", *AGAIN, "wait", "wait"], False),
        (SMALL, ["restart_busy", *["resize_server"] * 2, *["rent"] * 3, "shed", *AGAIN], True),
        (CROWDED, ["restart_busy", *["rent"] * 3, "shed", *AGAIN], True),
        (Symptoms(unplaced=True, quota=True), ["ask_provider"], True),
        (Symptoms(backlog=True), ["scale_out"] * 6, True),
        (Symptoms(backlog=True, under_way=True), ["wait", "wait", "wait"], False),
    ],
)  # fmt: skip
def test_what_she_tries_one_after_the_other(
    symptoms: Symptoms, remedies: list[Remedy], ends: bool
) -> None:
    """Nothing helps: each remedy as often as it is worth it, in this order; then none (`ends`), or
    there is more, or the last again and again."""
    tried = []
    for remedy in remedies:
        row = next_remedy(symptoms, tried)
        assert row is not None
        assert row.remedy == remedy
        tried.append(row)
    if ends:
        assert next_remedy(symptoms, tried) is None


def test_a_wrong_guess_is_the_second_one_first() -> None:
    row = next_remedy(STUCK, [], misled=True)
    assert row is not None
    assert row.remedy == "scale_out"
    after = next_remedy(STUCK, [row])
    assert after is not None
    assert after.remedy == "restart_busy", "and then the first"


def test_what_is_plain_to_see_is_not_guessed_wrong() -> None:
    symptoms = Symptoms(failing=True, down=1, busy="api")
    row = next_remedy(symptoms, [], misled=True)
    assert row is not None
    assert row.remedy == "start"


def test_a_colleague_takes_what_is_plain_and_nobody_is_about() -> None:
    both = Symptoms(failing=True, down=1, hung=1, busy="api", under_way=True)
    first = next_remedy(both, [])
    assert first is not None
    second = colleague_takes(both, [first], [first.remedy])
    assert (first.remedy, second and second.remedy) == ("start", "restart_silent")
    assert colleague_takes(both, [], ["start", "restart_silent"]) is None  # the rest are guesses
    assert colleague_takes(Symptoms(under_way=True), [], []) is None  # to wait needs nobody


def test_she_stops_only_when_the_table_is_used_up() -> None:
    """Whatever she sees: as long as a row is left she does something."""
    for row in REPERTOIRE:
        for other in REPERTOIRE:
            symptoms = next(s for s in SEEN if row.sign(s))
            tried = [other]
            if candidates(symptoms, tried):
                assert next_remedy(symptoms, tried) is not None
                assert next_remedy(symptoms, tried, misled=True) is not None


SEEN = [
    STUCK, SMALL, CROWDED, Symptoms(server_away=True), Symptoms(bad_version="api"),
    Symptoms(primary_lost="orders"), Symptoms(provider_away="orders"),
    Symptoms(trouble=True), Symptoms(locked_out=True), Symptoms(connections_short=True),
    Symptoms(down=1), Symptoms(backing_off=1),
    Symptoms(hung=1), Symptoms(wrong_address=True), Symptoms(node_away=True),
    Symptoms(changed="api", failing=True), Symptoms(failing=True, pools_short=True),
    Symptoms(unplaced=True, quota=True), Symptoms(under_way=True),
]  # fmt: skip


def test_each_remedy_is_in_the_table_and_can_be_done() -> None:
    remedies = set(get_args(Remedy))
    assert {row.remedy for row in REPERTOIRE} == remedies == set(DO)


@pytest.mark.parametrize(
    ("symptoms", "help_"),
    [
        (Symptoms(failing=True), "somebody who knows the program"),
        (Symptoms(failing=True, ailing="payments"), "a program that can do without payments"),
        (STUCK, "short queues"),
        (CROWDED, "more servers"),
        (Symptoms(failing=True, busy="api", database_hot=True), "a larger database server"),
        (Symptoms(connections_short=True, busy="api"), "a pooler"),
        (Symptoms(unplaced=True, quota=True), "a larger quota"),
        (Symptoms(failing=True, oom=True), "memory limits"),
        (Symptoms(backlog=True), "workers that scale"),
    ],
)
def test_what_would_have_helped(symptoms: Symptoms, help_: str) -> None:
    assert would_have_helped(symptoms).startswith(help_)


@pytest.mark.parametrize(
    ("replicas", "cores", "one_uses", "wanted"),
    [(1, 3.9, 1.0, 2), (2, 3.9, 1.0, 3), (4, 3.9, 1.0, 5), (3, float("inf"), 1.0, 6),
     (3, 11.7, 0.5, 6)],
)  # fmt: skip
def test_twice_as_many_as_far_as_there_are_cores(
    replicas: int, cores: float, one_uses: float, wanted: int
) -> None:
    assert doubled(replicas, cores, one_uses) == wanted


# ---- words ----
CONSOLES = {
    "compose": "docker compose", "compose_hardened": "docker compose", "swarm": "docker service",
    "nomad": "nomad", "kubernetes": "kubectl", "kubernetes_tuned": "kubectl",
    "ecs_fargate": "aws ecs", "cloud_run": "gcloud run",
}  # fmt: skip


@pytest.mark.parametrize("platform", sorted(CONSOLES))
def test_each_platform_is_worked_by_its_own_words(platform: str) -> None:
    choices = load(platform)
    world = World(stack_of({"api": {}}), choices)
    world.cluster.host_ports = choices.scheduling is None
    assert console_of(world.cluster) == CONSOLES[platform]
    text = command_of(world.cluster, "scale", "api", 4)
    assert text.startswith(CONSOLES[platform].partition(" ")[0])
    assert "api" in text
    assert "4" in text


def test_all_platforms_have_a_console() -> None:
    assert set(CONSOLES) <= set(names())
    assert set(CONSOLES.values()) == set(COMMANDS)


@pytest.mark.parametrize("console", sorted(COMMANDS))
def test_a_console_answers_for_each_verb(console: str) -> None:
    assert set(COMMANDS[console]) == set(get_args(Verb)) == set(ELSEWHERE)
    known = {"service", "number", "server", None}
    for text in COMMANDS[console].values():
        assert {field for _, field, _, _ in Formatter().parse(text)} <= known


def test_a_limit_is_typed_with_the_instances_there_are() -> None:
    """`--max 0` was typed, which would be no limit but the end."""
    world = World(stack_of({"api": {}}), load("cloud_run"))
    world.cluster.begin("api", world.cluster.versions["api"], 3)
    world.cluster.clock.loop(growth.shed(Human(world.cluster), "api"))
    world.at(3600.0)
    said = [row.text for row in world.cluster.timeline]
    assert "operator runs `gcloud run services update api --max 3`" in said


def test_a_remedy_without_a_command_is_one_line() -> None:
    """An Application Load Balancer has no limit for what is inside: she says so, and goes on."""
    world = World(stack_of({"api": {}}), load("ecs_fargate"))
    steps = typed(Human(world.cluster), "shed", "api")
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert end.value.value is False
    line = "operator knows no command of aws ecs for this: shed api"
    assert [row.text for row in world.cluster.timeline] == [line]

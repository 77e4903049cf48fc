"""The cheapest that holds: never worse than the grid, and what is written to apply it."""

import json

import pytest
from ruamel.yaml import YAML

from sim.schema.fields import InputError
from sim.study.ask import Ask
from sim.study.batch import Batch
from sim.study.decision import cheapest, cheapest_text
from sim.study.decision.cheapest import PriceLadder
from sim.study.decision.knobs import Dial, usual
from sim.study.decision.race import Rule, Runner, Standing
from sim.study.plan import plan
from tests.study.runs import ALONE, interrupted

RULE = Rule(chance=0.5, error=0.05, looks=(1, 4, 8), fresh=4)
SHORT = ("scenario.horizon=12m", "scenario.traffic.scale=0.2")
SPACE = (
    Dial("stack.services.api.restart", ("no", "always")),
    Dial("stack.operator.missed_page", ("100%", "0%")),
    Dial("stack.servers.machine.price_per_hour", (0.5, 0.1)),  # the first is the dearest
)
CRASH = Ask("container_crash:process_crash", ["compose"], settings=SHORT)


def contest(slo="downtime_s<60", space=SPACE):
    return cheapest.prepare([CRASH], [slo], space, RULE)


def test_candidates_stand_in_order_of_cost():
    candidates = contest().candidates
    assert [c.usd for c in candidates] == sorted(c.usd for c in candidates)
    assert candidates[0].settings["stack.servers.machine.price_per_hour"] == 0.1


@pytest.mark.parametrize(
    ("now", "tried"),
    [
        ("no", ("no", "always")),
        ("unless-stopped", ("unless-stopped", "always")),
        ("always", ("always",)),
    ],
)
def test_of_one_price_the_policy_that_a_file_has_stands_first(now, tried):
    ask = Ask("container_crash", ["compose"], settings=(f"stack.services.api.restart={now}",))
    dials = {dial.path: dial.values for dial in usual(plan(ask).cases[0])}
    assert dials["stack.services.api.restart"] == tried


OWN = {  # of sspp, by platform
    "compose": {
        "api.replicas": (1, 2, 3, 4), "api.restart": ("no", "always"),
        "compose.load_balancing": (None, "ha_proxy"), "api.database.pool": (10, 5, 20),
        "postgres.pooler": (None, {"size": 40}),
    },
    "kubernetes": {
        "servers.count": (1, 2, 3, 4), "api.scaling.min": (1, 2, 3, 4),
        "api.scaling.cpu": (0.7, 0.5), "api.database.pool": (10, 5, 20),
        "postgres.pooler": (None, {"size": 40}),
    },
}  # fmt: skip


@pytest.mark.parametrize("platform", OWN)
def test_what_is_turned_where_nobody_says(platform):
    """What stands there is always one of the values; what has a pooler gets none."""
    found = usual(plan(Ask("container_crash", [platform])).cases[0])
    assert {dial.name: tuple(dial.values) for dial in found} == OWN[platform]
    there = ("stack.services.postgres.pooler={size: 30}", "stack.services.api.database.pool=5")
    found = usual(plan(Ask("container_crash", [platform], settings=there)).cases[0])
    left = {dial.name: tuple(dial.values) for dial in found}
    assert "postgres.pooler" not in left
    assert left["api.database.pool"] == (5, 10)


def test_of_one_price_what_changes_least_stands_first():
    """On one rented server nothing costs more, so that the set-up that is there is tried first."""
    candidates = cheapest.prepare([CRASH], ["downtime_s<60"]).candidates
    assert candidates[0].changed == {}
    assert [len(each.changed) for each in candidates[:10]] == [0, *[1] * 8, 2]
    assert candidates[0].settings["stack.services.api.replicas"] == 1
    assert max(len(each.changed) for each in candidates) == 2  # replicas, and one line of a file


def test_it_is_never_worse_than_the_grid_and_runs_less():
    raced = contest()
    ladder = cheapest.measure(raced, ALONE)
    seeds = tuple(range(1, 9))
    grid = ALONE(Batch(tuple(c.cases[0] for c in raced.candidates), seeds))
    holds = [
        sum(done.figures["downtime_s"] < 60 for done in replications) == len(seeds)
        for replications in grid.replications
    ]
    assert ladder.winner.place == holds.index(True)
    assert raced.candidates[ladder.winner.place].settings["stack.services.api.restart"] == "always"
    assert sum(runner.runs for runner in ladder.runners) < len(seeds) * len(raced.candidates)
    finding = cheapest_text.finding(ladder)
    assert finding.startswith(f"${raced.candidates[ladder.winner.place].usd:,.2f} a month: Compose")
    assert "12 of 12 seeds" in finding
    assert "4 of 4 of them fresh" in finding
    record = json.loads(json.dumps(cheapest_text.record(ladder)))
    assert record["winner"]["why"] == "holds, and on 4 of 4 fresh seeds"
    dropped = [rung for rung in record["ladder"] if rung["why"].startswith("dropped")]
    assert all(rung["usd_month"] <= record["winner"]["usd_month"] for rung in dropped)


WINS = Runner(1, held=8, runs=8, standing=Standing.HOLDS, fresh=(4, 4))


@pytest.mark.parametrize(
    ("runner", "won", "words"),
    [
        (WINS, True, "holds, and on 4 of 4 fresh seeds"),
        (Runner(0, 1, 4, Standing.OUT), True, "dropped after 4 seeds"),
        (Runner(0, 8, 8, Standing.REFUTED, (1, 4)), True, "held, but on 1 of 4 fresh seeds only"),
        (Runner(2), True, "dominated, not cheaper than the winner"),
        (Runner(2), False, "not tried"),
        (Runner(0, 4, 8, Standing.UNCLEAR), True, "cannot tell"),
    ],
)
def test_what_came_of_a_candidate(runner, won, words):
    ladder = PriceLadder(contest(), (runner,), WINS if won else None, False)
    assert cheapest_text.why(ladder, runner) == words


@pytest.mark.parametrize("chance", [0.0, 1.0, 1.5, -0.1, float("nan")])
def test_a_chance_lies_between_never_and_always(chance):
    with pytest.raises(InputError) as caught:
        cheapest.prepare([CRASH], ["downtime_s<60"], SPACE, Rule(chance=chance))
    assert "--chance" in str(caught.value)


@pytest.mark.parametrize(("most", "shown"), [(None, 3), (3, 3), (2, 2), (1, 1)])
def test_a_terminal_s_ladder_ends_with_the_winner_where_it_is_too_long(most, shown):
    runners = (Runner(0, 1, 4, Standing.OUT), WINS, Runner(2, 1, 1, Standing.OUT))
    _, *rungs = cheapest_text.table(PriceLadder(contest(), runners, WINS, False), most)
    assert len(rungs) == shown
    last = "dropped after 1 seed" if shown == 3 else "holds, and on 4 of 4 fresh seeds"
    assert rungs[-1][-1] == last


def test_the_runs_of_a_race_are_counted_with_the_fresh_ones():
    runners = (Runner(0, 1, 4, Standing.OUT), WINS, Runner(2))
    lines = cheapest_text._lines(PriceLadder(contest(), runners, WINS, False), lambda _: [], None)
    assert "set-ups, 16 of " in " ".join(lines)  # 4, 8 and 4 fresh


def test_where_nothing_holds_it_says_so():
    ladder = cheapest.measure(contest("requests.arrived<1", SPACE[:1]), ALONE)
    assert ladder.winner is None
    assert {runner.standing for runner in ladder.runners} == {Standing.OUT}
    assert cheapest_text.finding(ladder) == (
        "None of 2 set-ups holds requests.arrived<1 with a chance of 50%. The nearest: Compose as "
        "it is, on 0 of 8 seeds."
    )
    assert cheapest_text.missed(ladder) == [
        "What did not hold: requests.arrived<1 in container_crash:process_crash (16 runs)"
    ]


def test_a_cheaper_one_of_which_the_seeds_cannot_tell_is_named():
    runners = (Runner(0, 61, 64, Standing.UNCLEAR), WINS, Runner(2, 30, 64, Standing.OUT))
    finding = cheapest_text.finding(PriceLadder(contest(), runners, WINS, False))
    assert "Of 1 cheaper or as cheap the seeds cannot tell, such as Compose with " in finding
    assert finding.endswith(": a chance of 87% to 99%.")


def test_where_nothing_holds_what_came_nearest_is_shown():
    runners = (Runner(0, 3, 4, Standing.OUT), Runner(1, 0, 4, Standing.OUT), Runner(2, 1, 1))
    _, *rungs = cheapest_text.table(PriceLadder(contest(), runners, None, False), 2)
    assert [rung[2] for rung in rungs] == ["3 of 4", "1 of 1"]


def test_a_race_that_was_interrupted_says_so():
    ladder = cheapest.measure(contest(), interrupted(3))
    assert ladder.interrupted
    assert cheapest_text.finding(ladder).startswith("Interrupted")


def test_what_cannot_be_is_named_and_does_not_stop_the_rest():
    space = (Dial("stack.services.api.replicas", (1, "many")),)
    raced = contest(space=space)
    assert len(raced.candidates) == 1
    ((platform, point, why),) = raced.impossible
    assert (platform, point) == ("compose", {"stack.services.api.replicas": "many"})
    assert "replicas" in why
    with pytest.raises(InputError, match="many"):
        contest(space=(Dial("stack.services.api.replicas", ("many",)),))


def written(platform, settings, tmp_path):
    ask = Ask("container_crash", [platform], settings=SHORT)
    space = tuple(Dial(path, (value,)) for path, value in settings.items())
    rule = Rule(chance=0.1, looks=(4,), fresh=1)
    ladder = cheapest.measure(cheapest.prepare([ask], ["downtime_s<1e6"], space, rule), ALONE)
    for name, write in cheapest_text.PAGE.parts(ladder, more=True).items():
        write(tmp_path / name)
    (file,) = tmp_path.glob("*.yaml")
    text = file.read_text().replace("!reset ", "")
    return file.name, list(YAML(typ="safe").load_all(text)), text


def test_the_winner_as_a_compose_override(tmp_path):
    settings = {
        "stack.services.api.replicas": 2, "stack.services.api.restart": "always",
        "stack.services.api.memory.limit": "512Mi", "stack.operator.monitoring": False,
    }  # fmt: skip
    name, (override,), text = written("compose_hardened", settings, tmp_path)
    assert name == "compose.override.yaml"
    api = override["services"]["api"]
    assert api["restart"] == "always"
    assert api["deploy"]["replicas"] == 2
    assert api["deploy"]["resources"]["limits"]["memory"] == "512M"
    assert "not in this file: stack.operator.monitoring=false" in text


def test_the_winner_as_kubernetes_patches(tmp_path):
    settings = {
        "stack.services.api.scaling.min": 2, "stack.services.api.disruption.min_available": 1,
    }  # fmt: skip
    name, documents, _ = written("kubernetes", settings, tmp_path)
    assert name == "kubernetes.yaml"
    kinds = {document["kind"]: document["spec"] for document in documents}
    assert set(kinds) == {"Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget"}
    assert kinds["HorizontalPodAutoscaler"]["minReplicas"] == 2
    assert "replicas" not in kinds["Deployment"]  # the HPA says how many
    assert kinds["PodDisruptionBudget"]["minAvailable"] == 1

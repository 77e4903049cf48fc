"""A year of incidents and what follows from it: by hand where the answer can be worked out."""

import json
import shlex

import pytest

from sim.library.stacks import load_stack
from sim.results.bill import MonthlyCost
from sim.schema.fields import InputError
from sim.schema.stack import Stack
from sim.study.ask import Ask
from sim.study.causes import Alteration, wished
from sim.study.decision import decision, decision_sentences, decision_tables, decision_text
from sim.study.decision.advice import verdict
from sim.study.decision.decision import AS_ASSUMED, WORLDS, Prospect, Prospects, setups
from sim.study.decision.hinges import break_even, hinges
from sim.study.decision.money import monthly
from sim.study.decision.sensitivity import scaled
from sim.study.decision.worth import (
    Terms,
    by_price,
    choose,
    confidence,
    steps,
    weigh,
)
from sim.study.decision.year import Harms, Recurrence, drawn, expected, ranges
from sim.study.identity import cases_key
from sim.study.plan import plan
from sim.study.quarter.rates import load_rates
from sim.study.task import Task, replicate
from tests import ENGINE
from tests.study.runs import ALONE, interrupted

CRASH = (Harms(down_h=1.0, failed=100.0), Harms(down_h=3.0, failed=300.0))


def test_the_mean_year_is_rates_times_means():
    year = [Recurrence("crash", 4.0, CRASH), Recurrence("deploy", 10.0, (Harms(night_h=0.5),))]
    assert expected(year) == Harms(down_h=8.0, failed=800.0, night_h=5.0)
    assert expected(year, factor=2.0).down_h == 16.0
    assert expected(year, which=[1]).down_h == 12.0  # the second incident of each kind alone
    assert expected([]) == Harms()


def test_drawn_years_have_the_mean_and_a_range_around_it():
    year = [Recurrence("crash", 4.0, CRASH)]
    years = drawn(year, seed=1)
    mean = sum(harms.down_h for harms in years) / len(years)
    assert mean == pytest.approx(8.0, abs=4 * (4.0 * 5.0 / len(years)) ** 0.5)
    low, high = ranges(years)["down_h"]
    assert low < 8.0 < high
    assert drawn(year, seed=1) == years


def test_worlds_are_compared_on_the_same_seeds():
    """The second seed, of which the other worlds have no runs, is the worse one."""
    slow = {"people half as fast": (1.5,), "people twice as fast": (0.5,)}
    said = verdict(decided(outcome("as it is", (1.0, 3.0), 100.0, slow)), FREE)
    heads, row = decision_tables.worlds(said)
    hours = dict(zip(heads, row, strict=True))
    assert hours["as assumed"] == "4 h"
    assert hours["people twice as fast"] == "2 h"
    assert hours["people half as fast"] == "6 h"
    line = "All columns are of the first seed alone, to be compared; the first table is of all 2."
    assert line in decision_text.PAGE.text(said)


def test_two_set_ups_have_the_same_incidents():
    ours = drawn([Recurrence("crash", 4.0, (Harms(down_h=1.0),))], seed=3)
    theirs = drawn([Recurrence("crash", 4.0, (Harms(down_h=2.0),))], seed=3)
    assert [2 * a.down_h for a in ours] == [b.down_h for b in theirs]


# ---- weighing ----
def outcome(name, downs, usd, worlds=None):
    """A set-up with four crashes a year; `downs`: hours down of one, seed by seed."""
    way = next(way for way in setups() if way.name == name)

    def year(hours):
        return (Recurrence("crash", 4.0, tuple(Harms(h, failed=1000.0 * h) for h in hours)),)

    by_world = {world: year((worlds or {}).get(world, downs)) for world in WORLDS}
    return Prospect(way, MonthlyCost(servers=usd), by_world)


def decided(*outcomes):
    stack = Stack(name="shop", services={})
    return Prospects(stack, load_rates(), 1, outcomes, ())


SHOP = decided(
    outcome("as it is", (1.0, 1.2), 100.0),
    outcome("a restart policy", (0.1, 0.1), 100.0),
    outcome("Kubernetes", (0.0, 0.01), 400.0),
)
FREE = Terms(work_hour=0.0)


def test_most_of_it_for_no_money_is_enough_where_nobody_prices_an_hour():
    choice = choose(weigh(SHOP, FREE), FREE)
    assert (choice.name, choice.orchestrator, choice.matters) == ("a restart policy", False, True)
    said = verdict(SHOP, FREE)
    assert decision_sentences.sentence(said) == (
        "You do not need an orchestrator unless an hour down costs you some $9,500 or more: 4 h 24 "
        "min down a year as it is, a restart policy leaves 24 min for the same money."
    )


def test_what_the_answer_makes_worse_is_said():
    """Four crashes a year lose no job as it is, and a thousand each under the answer."""
    loses = SHOP.outcomes[1]
    crash = loses.worlds[AS_ASSUMED][0]
    samples = tuple(harms._replace(jobs_never_done=1000.0) for harms in crash.samples)
    worlds = dict.fromkeys(WORLDS, (crash._replace(samples=samples),))
    outcomes = [SHOP.outcomes[0], loses._replace(worlds=worlds), SHOP.outcomes[2]]
    said = decision_sentences.sentence(verdict(decided(*outcomes), FREE))
    assert said.endswith(
        "a restart policy leaves 24 min for the same money; "
        "but 4,000 jobs a year are never done, 0 as it is."
    )


def test_where_an_hour_down_costs_enough_kubernetes_pays():
    """It takes away 4 x (0.1 - 0.005) = 0.38 h a year for 12 x 300 USD: 9,474 USD an hour."""
    (by_hour, by_request, by_deploys) = break_even(SHOP, FREE)
    assert by_deploys.value is None  # nothing here is planned work
    assert by_hour.value == pytest.approx(12 * 300 / 0.38)
    assert by_request.value == pytest.approx(12 * 300 / 380)
    below, above = FREE._replace(down_hour=9_000.0), FREE._replace(down_hour=10_000.0)
    assert choose(weigh(SHOP, below), below).name == "a restart policy"
    assert choose(weigh(SHOP, above), above).name == "Kubernetes"
    said = verdict(SHOP, above)
    first = "Kubernetes pays unless incidents come 0.95 times as often or less: "
    assert decision_sentences.sentence(said).startswith(first)


def test_what_changes_the_answer_is_named():
    """Kubernetes pays from 12 x 300 / 0.38 USD an hour on: 1.064 times 8,900. As often would do,
    too; nothing else does: here nobody's work is paid."""
    near = FREE._replace(down_hour=8_900.0)
    price = 12 * 300 / 0.38 / 8_900.0
    found = hinges(SHOP, near)
    assert [(hinge.about, hinge.choice.name) for hinge in found] == [
        ("rates", "Kubernetes"), ("down_hour", "Kubernetes"),
    ]  # fmt: skip
    assert [hinge.factor for hinge in found] == pytest.approx([price, price], rel=1e-6)
    assert (
        "It hangs on: if incidents come 1.1 times as often or more: Kubernetes; if an hour down "
        "costs $9,500 or more ($8,900 now): Kubernetes."
    ) in decision_sentences.sureness(verdict(SHOP, near))
    far = FREE._replace(down_hour=1_000.0)
    assert [hinge.near for hinge in hinges(SHOP, far)] == [False, False]
    assert (
        "No value from half to double changes it; far ones would: if incidents come 9.5 times"
        in (decision_sentences.sureness(verdict(SHOP, far)))
    )
    heavy = "requests twice as heavy"
    worse = decided(
        *SHOP.outcomes[:1],
        outcome("a restart policy", (0.1, 0.1), 100.0, {heavy: (1.0, 1.2)}),
        *SHOP.outcomes[2:],
    )
    assert [hinge.about for hinge in hinges(worse, FREE)] == [heavy]


def test_each_set_up_costs_least_from_some_price_of_an_hour_down_or_never():
    """A year: 4.4 h, 0.4 h and 0.02 h down; 100, 100 and 400 USD a month. The first never is best;
    the last is from 12 x 300 / 0.38 USD an hour."""
    rungs = by_price(weigh(SHOP, FREE))
    assert [rung.weighed.outcome.setup.name for rung in rungs] == ["a restart policy", "Kubernetes"]
    assert rungs[0].price == 0.0
    assert rungs[1].price == pytest.approx(12 * 300 / 0.38)
    for price in (9_000.0, 10_000.0):  # the rule says the same
        priced = FREE._replace(down_hour=price)
        best = next(r for r in reversed(rungs) if r.price <= price).weighed.outcome.setup.name
        assert choose(weigh(SHOP, priced), priced).name == best


def test_lost_sales_count_at_every_price_of_an_hour_down():
    """At 1 USD a request Kubernetes saves 380 a year of 12 x 300: it pays from 3,220 / 0.38 on."""
    first, second = by_price(weigh(SHOP, FREE), sale=1.0)
    assert first.money == pytest.approx(100.0 + 400.0 / 12.0)
    assert second.price == pytest.approx((12 * 300 - 380.0) / 0.38)
    said = verdict(SHOP, FREE._replace(sale=1.0))
    assert decision_tables.prices(said)[1] == ("nothing", "a restart policy", "24 min", "$133")


def test_the_work_to_get_there_and_after_an_incident_is_paid():
    """120 h over 24 months, and 4 x 6 h a year after incidents, at 10 USD an hour."""
    year = (Recurrence("crash", 4.0, (Harms(day_h=1.0, follow_up_h=6.0),)),)
    way = next(way for way in setups() if way.name == "Kubernetes")
    shop = decided(Prospect(way, MonthlyCost(servers=1.0), dict.fromkeys(WORLDS, year)))
    (each,) = weigh(shop, Terms(work_hour=10.0))
    assert each.money.migration == 120.0 / 24.0 * 10.0
    assert each.money.incidents == pytest.approx(4.0 * 7.0 / 12.0 * 10.0)
    (half,) = weigh(shop, Terms(work_hour=10.0, migration=0.5, follow_up=0.5))
    assert half.money.migration == 120.0 / 24.0 * 5.0
    assert half.money.incidents == pytest.approx(4.0 * (1.0 + 3.0) / 12.0 * 10.0)


def test_it_names_the_reader_s_own_rates():
    kinds = len(SHOP.rates.kinds)
    for file, says in (("", "ours"), ("mine.yaml", "mine.yaml")):
        said = verdict(SHOP._replace(rates_file=file), FREE)
        assert f"(now {kinds} kinds, {says})" in decision_text.PAGE.text(said)


def test_where_nothing_is_saved_it_does_not_matter():
    calm = decided(
        outcome("as it is", (0.01, 0.01), 100.0), outcome("Kubernetes", (0.0, 0.0), 400.0)
    )
    said = verdict(calm, FREE)
    assert decision_sentences.sentence(said).startswith("It does not matter: ")
    assert said.sure == 1.0


def test_where_seeds_disagree_not_enough_is_known():
    """One seed of two speaks for each: a draw of both is (1,1), (1,2), (2,1) or (2,2)."""
    torn = decided(
        outcome("as it is", (1.0, 1.0), 100.0),
        outcome("a restart policy", (0.0, 1.0), 100.0),
        outcome("Kubernetes", (0.45, 0.0), 400.0),
    )
    terms = FREE._replace(down_hour=1e6)
    assert confidence(torn, terms) == pytest.approx(0.75, abs=0.12)
    assert confidence(SHOP, FREE) == 1.0


def test_who_is_called_is_asked_where_the_stack_does_not_say():
    line = "stack.operator: who is called, how fast (not told: everything at once)"
    assert line in decision_sentences.unknown(verdict(SHOP, FREE))
    assert "--traffic LOG: who really comes" in decision_sentences.unknown(verdict(SHOP, FREE))
    told = SHOP._replace(stack=load_stack("sspp"), ask=Ask("", traffic="access.log"))
    assert not any("--traffic" in each for each in decision_sentences.unknown(verdict(told, FREE)))
    assert line not in decision_sentences.unknown(verdict(told, FREE))


def test_each_figure_has_its_range():
    """Four crashes a year of 1 or 1.2 hours; half and double of that where they come so often."""
    said = verdict(SHOP, FREE)
    heads, now, *_ = decision_tables.spread(said)
    lost = dict(zip(heads, now, strict=True))["lost requests"]
    assert lost == "1,000 .. 8,800"  # of one to eight crashes
    assert decision_tables.supposed(said)[1] == ("as it is", "2 h 12 min .. 8 h 48 min", "$100")
    paid = verdict(SHOP, Terms(work_hour=0.0, down_hour=120.0))
    # 100 a month, and 4.4 hours of 120 a year: half or double of the rate, or of the price
    assert decision_tables.supposed(paid)[1][2] == "$122 .. $188"
    record = decision_text.record(paid)["setups"][0]
    assert record["assumptions"]["usd_month"] == pytest.approx([122.0, 188.0])


def test_where_assumptions_decide_not_enough_is_known():
    """Kubernetes is 80 of upkeep and 50 of its setting up; the other 119.98, 0.1 and 10 of people's
    hours: 8 cents dearer. Four assumptions of fourteen turn that; a fifth of them would not."""
    hours = (Recurrence("crash", 12.0, (Harms(down_h=1.0, day_h=1.0),)),)
    ways = {way.name: way for way in setups()}

    def simple(name, usd, year=()):
        return Prospect(ways[name], MonthlyCost(servers=usd), dict.fromkeys(WORLDS, year))

    torn = decided(
        simple("as it is", 300.0, hours), simple("a restart policy", 119.98, hours),
        simple("Kubernetes", 0.0),
    )  # fmt: skip
    said = verdict(torn, Terms(work_hour=10.0))
    assert (said.choice.name, said.sure, said.turns, said.tried) == ("Kubernetes", 1.0, 4, 14)
    assert decision_sentences.sentence(said) == (
        "Not enough is known: Kubernetes is less than $1 a month cheaper than a restart policy (0 s"
        " and 12 h down a year, 12 h as it is), and 4 of 14 assumptions that only you can settle "
        "turn that, such as if an hour of work costs $10.01 or more ($10.00 now) or the upkeep of "
        "a set-up is 1.001 times as much or more."
    )
    page = decision_text.PAGE.text(said)
    assert "The runs are not in doubt" not in page  # of one
    assert "* the least money." in " ".join(page.split())
    clear = decided(*torn.outcomes[:2], simple("Kubernetes", 40.0))
    said = verdict(clear, Terms(work_hour=10.0))
    assert said.turns <= 0.25 * said.tried
    assert decision_sentences.sentence(said).startswith("You do not need an orchestrator")


def test_what_first_is_by_work():
    first, second = steps(weigh(SHOP, FREE))
    assert first.weighed.outcome.setup.name == "a restart policy"
    assert first.per_dollar is None  # it costs nothing more
    assert first.per_work_hour == pytest.approx(4.0 / 0.25)
    assert second.per_dollar == pytest.approx(4 * (1.1 - 0.005) / 300.0)


def test_where_deploys_are_frequent_enough_it_pays():
    """A deploy costs 1 h of people in one and none in the other: 100 USD an hour, 12 a year, so
    that 300 USD a month more are worth it at three times as many."""
    slow = Recurrence("deploy", 12.0, (Harms(down_h=1.0, day_h=1.0),), deploys=True)
    fast = slow._replace(samples=(Harms(),))

    def simple(name, usd, stream):
        way = next(way for way in setups() if way.name == name)
        return Prospect(way, MonthlyCost(servers=usd), dict.fromkeys(WORLDS, (stream,)))

    shop = decided(simple("as it is", 100.0, slow), simple("Kubernetes", 400.0, fast))
    terms = Terms(work_hour=100.0, upkeep=0.0, migration=0.0)
    assert break_even(shop, terms)[-1].value == pytest.approx(3.0)
    page = " ".join(decision_text.PAGE.text(verdict(shop, terms)).split())
    assert "where you deploy more than 0.69 (" in page  # 36 a year of 52.18 weeks
    assert "times a week (0.23 now)." in page


def test_the_hours_after_incidents_are_told_apart_and_what_holds_without_them():
    """A month as it is: 100, and 4 crashes and 12 deploys a year of 6 h each afterwards at 10 USD
    an hour, 80. Kubernetes is 60 dearer and has none of it."""
    after = (Harms(down_h=1.0, follow_up_h=6.0),)
    year = (Recurrence("crash", 4.0, after), Recurrence("deploy", 12.0, after, deploys=True))
    ways = {way.name: way.model_copy(update={"work": 0.0, "upkeep": 0.0}) for way in setups()}
    quiet = tuple(stream._replace(samples=(Harms(),)) for stream in year)
    shop = decided(
        Prospect(ways["as it is"], MonthlyCost(servers=100.0), dict.fromkeys(WORLDS, year)),
        Prospect(ways["Kubernetes"], MonthlyCost(servers=160.0), dict.fromkeys(WORLDS, quiet)),
    )
    said = verdict(shop, Terms(work_hour=10.0))
    assert said.choice.name == "Kubernetes"
    assert decision_sentences.afterwards(said) == (
        "Of $180 a month as it is $80 are people's hours after incidents (6 h in all for each that "
        "somebody is paged for or users see, as at Google), $60 of them after bad deploys, whose "
        "bugs are to be found whatever runs them. Without all these hours as it is costs least. "
        "--follow-up and --deploys say yours."
    )
    turns = {hinge.about: decision_sentences.clause(said, hinge) for hinge in said.hinges}
    assert turns["follow_up"] == "an incident takes 4.5 h in all or less (6 h now)"
    assert turns["deploys"] == "you deploy 0.15 times a week or less (0.23 now)"  # 8 a year
    first = "Kubernetes pays unless incidents come 0.75 times as often or less: "
    assert decision_sentences.sentence(said).startswith(first)
    heads, *rows = decision_tables.kinds(said)
    assert [*heads[2:]] == [
        "down: as it is", "down: Kubernetes", "work: as it is", "work: Kubernetes",
    ]  # fmt: skip
    assert rows == [
        ("deploy", "12.0", "12 h", "0 s", "72.0 h", "0.0 h"),
        ("crash", "4.0", "4 h", "0 s", "24.0 h", "0.0 h"),
    ]


# ---- with runs ----
def test_deploys_come_as_often_as_the_reader_says():
    """A deploy and a crash; of 2 and 1 deploys in 13 weeks come 26 and 13, which are 3 a week."""
    kinds = [kind for kind in load_rates().kinds if kind.name in ("deploy", "deploy that leaks")]
    crash = next(kind for kind in load_rates().kinds if kind.name == "process crash")
    often = {"deploy": 2.0, "deploy that leaks": 1.0}
    listed = [kind.model_copy(update={"rate": often[kind.name]}) for kind in kinds]
    rates = load_rates().model_copy(update={"kinds": [*listed, crash]})
    mine = decision.prepare(Ask("", reps=1, stack="sspp"), rates, deploys=3.0).rates
    assert [kind.rate for kind in mine.kinds] == pytest.approx([26.0, 13.0, crash.rate])
    alone = rates.model_copy(update={"kinds": [crash]})
    with pytest.raises(InputError, match="--deploys: found 3, of rates without a deploy"):
        decision.prepare(Ask("", reps=1, stack="sspp"), alone, deploys=3.0)


def test_heavier_requests_are_heavier_in_every_step_of_a_story():
    stack = {
        "name": "told",
        "services": {
            "web": {
                "role": "http",
                "steps": [
                    {"cpu": "4ms"},
                    {"cache": "kept", "on_miss": [{"query": "db", "demand": "2ms"}]},
                    {"together": [{"query": "db", "demand": "3ms"}, {"wait": "1ms"}]},
                ],
                "endpoints": {"buy": [{"cpu": "5ms"}]},
                "pools": {"db": {"size": 5}},
            },
            "kept": {"role": "cache"},
            "db": {"role": "postgres"},
        },
    }
    (case,) = plan(Ask("container_crash:process_crash", ["compose"], stack=stack)).cases
    twice = scaled(case, *WORLDS["requests twice as heavy"])
    means = [value["mean"] for value in twice.values()]
    assert sorted(means) == ["0.004s", "0.006s", "0.008s", "0.01s"]


def few(*names):
    rates = load_rates()
    kinds = [kind for kind in rates.kinds if kind.name in names]
    return rates.model_copy(update={"kinds": kinds})


@pytest.fixture
def two(monkeypatch):
    """Two set-ups and two worlds, so that it takes seconds."""
    ways = tuple(way for way in setups() if way.name in ("as it is", "a restart policy"))
    monkeypatch.setattr(decision, "setups", lambda: ways)
    monkeypatch.setattr(decision, "WORLDS", {name: WORLDS[name] for name in list(WORLDS)[:2]})
    return few("process crash")


ASK = Ask("", reps=2, settings=("scenario.traffic.scale=0.2",))


def test_a_restart_policy_is_what_a_crash_asks_for(two, tmp_path):
    runs = decision.prepare(ASK, two)
    assert len(runs.replays) == 2 * (2 + 1)  # one seed in the other world
    hours = {replay.case.scenario.starts_at for replay in runs.replays}
    assert len(hours) == 2  # spread over the day
    done = decision.measure(runs, ALONE)
    now, restart = (expected(each.worlds["as assumed"]) for each in done.outcomes)
    assert now.down_h > 10 * restart.down_h
    fast = expected(done.outcomes[0].worlds["people twice as fast"])
    first = expected(done.outcomes[0].worlds["as assumed"], which=[0])
    assert fast.down_h < first.down_h
    said = verdict(done, Terms(50.0))
    assert decision_sentences.sentence(said).startswith("You do not need an orchestrator")
    parts = decision_text.PAGE.parts(said, more=True)
    assert set(parts) == decision_text.PAGE.files
    for name, write in parts.items():
        write(tmp_path / name)
    record = json.loads((tmp_path / "decision.json").read_text())
    assert record["choice"]["name"] == "a restart policy"
    page = (tmp_path / "decision.html").read_text()
    assert page.count("<table>") == 7
    assert "http" not in page  # offline
    assert "--down-hour" in page


def test_each_figure_can_be_followed_to_runs_by_seed(two, tmp_path):
    """A row a run, with words that repeat it: the mean of a year is their sum, each as often."""
    hurry = Ask("", reps=2, settings={"scenario.traffic.scale": 0.2})
    done = decision.measure(decision.prepare(hurry, two), ALONE)
    rows = decision.followed(done)
    assert len(rows) == len(done.replays)
    mine = [r for r in rows if (r["setup"], r["world"]) == ("a restart policy", AS_ASSUMED)]
    year = sum(row["a_year"] * row["failed"] for row in mine) / len(mine)
    assert year == pytest.approx(expected(done.outcomes[1].worlds[AS_ASSUMED]).failed)
    for row in (mine[1], next(r for r in rows if r["world"] != AS_ASSUMED)):
        words = shlex.split(row["command"])
        assert words[:5] == ["python", "-m", "sim", "run", "container_crash:process_crash"]
        settings = [words[i + 1] for i, word in enumerate(words) if word == "--set"]
        seed = int(words[words.index("--seed") + 1])
        again = plan(Ask(words[4], ["compose"], seed, 1, settings=tuple(settings)))
        figures = replicate(Task(again.cases[0], seed, False), ENGINE).figures
        assert figures["downtime_s"] / 3600.0 == row["down_h"]


def test_where_nobody_acts_their_speed_is_no_run_and_no_difference(two):
    """Kubernetes' replicas outlive a crash: nobody is called, however fast she is."""
    runs = decision.prepare(ASK, two, now="kubernetes")
    ran = []

    def noted(batch, **how):
        ran.extend(batch.cases)
        return ALONE(batch, **how)

    decision.measure(runs, noted)
    spared = [each for each in runs.replays if all(each.case is not case for case in ran)]
    assert [(each.setup, each.world) for each in spared] == [(0, "people twice as fast")]
    (each,) = spared
    assumed = next(
        r for r in runs.replays if r.setup == 0 and r.world == "as assumed" and r.seed == each.seed
    )
    first, second = (
        replicate(Task(r.case, r.seed, False), ENGINE).figures for r in (assumed, each)
    )
    assert first == second


def test_an_interrupted_decision_says_nothing_and_goes_on_from_its_store(two, tmp_path):
    def page(run, **how):
        runs = decision.prepare(ASK, two)

        def kept(batch):
            place = how and {"store": tmp_path / cases_key(batch.cases)}  # as on the command line
            return run(batch, **place)

        done = decision.measure(runs, kept)
        return decision_text.PAGE.text(verdict(done, Terms(50.0)))

    with pytest.raises(KeyboardInterrupt):
        page(interrupted(3), store=tmp_path)
    assert page(ALONE, store=tmp_path) == page(ALONE)


def test_what_cannot_be_replayed_is_told(two, tmp_path):
    file = tmp_path / "stack.yaml"
    file.write_text("name: tiny\nservices:\n  api: {role: http, port: 80, cpu: {demand: 5ms}}\n")
    runs = decision.prepare(
        Ask("", reps=1, stack=str(file)), few("process crash", "secret rotation")
    )
    assert any("secret rotation" in line for line in runs.left_out)
    assert runs.replays


def test_a_set_up_that_changes_nothing_here_is_the_same_row(tmp_path):
    """No queue to rent, and everything starts again already, by another word than ours."""
    file = tmp_path / "stack.yaml"
    file.write_text(
        "name: tiny\nservices:\n  api: {role: http, port: 80, cpu: {demand: 5ms}, "
        "restart: always, database: {demand: 2ms}}\n"
        "  db: {role: postgres, restart: unless-stopped}\n"
    )
    runs = decision.prepare(Ask("", reps=1, stack=str(file)), few("process crash"))
    assert runs.same == {
        "as it is": ("a restart policy",),
        "managed services": ("managed queue, too", "queue without servers"),
    }
    names = [way.name for way, _ in runs.setups]
    assert not {"a restart policy", "managed queue, too"} & {*names}
    assert not runs.left_out
    said = verdict(SHOP._replace(same=runs.same), FREE)
    assert (
        "Not run, since nothing changes here: 'a restart policy' as 'as it is'; 'managed queue, "
        "too' and 'queue without servers' as 'managed services'."
    ) in " ".join(decision_text.PAGE.text(said).split())
    assert decision_text.record(said)["setups"][0]["same"] == ["a restart policy"]


def test_every_setting_of_a_set_up_is_taken_or_said():
    """A mechanism that is not there was left out in silence: HAProxy, by a wrong name."""
    runs = decision.prepare(Ask("", reps=1, stack="sspp"), few("process crash"))
    assert not runs.left_out
    assert [way for way, _ in runs.setups] == list(setups())
    cases = {way.name: case for way, case in runs.setups}
    plain = next(iter(cases.values()))
    for way in setups():
        change = Alteration(name="setup", says=way.says, set=way.set)
        spots = wished(change, plain)
        roots = [path.split(".")[-1] for path in way.set]
        assert all(any(root in spot for spot in spots) for root in roots), way.name
    checked = cases["restart and healthcheck"].stack.services["api"].healthcheck
    assert checked.interval == 10.0
    assert type(cases["a second replica"].choices.load_balancing).__name__ == "HAProxy"
    assert cases["queue without servers"].stack.services["redis"].engine == "sqs"
    assert monthly(cases["queue without servers"]).requests > 0.0
    runs = decision.prepare(Ask("", reps=1, stack="sspp_public"), few("process crash"))
    cases = {way.name: case for way, case in runs.setups}
    theirs = cases["restart and healthcheck"].stack.services["api"].healthcheck
    assert theirs == cases["as it is"].stack.services["api"].healthcheck  # there is one already
    (line,) = runs.left_out  # Bull backs off between its tries, SQS does not
    assert line.startswith("the set-up 'queue without servers': sspp_public: services.worker.job")


def test_managed_services_are_paid_by_the_hour_and_the_month():
    """A db.t4g.small and its disk, each twice, in place of one volume."""
    runs = decision.prepare(ASK, few("process crash"))
    price = {way.name: monthly(case) for way, case in runs.setups}
    own, rented = price["a second replica"], price["managed services"]
    assert rented.managed == pytest.approx(2 * (0.032 * 730 + 20 * 0.115))
    assert rented.total - own.total == pytest.approx(rented.managed - own.volumes)


def test_what_a_file_says_already_stands(tmp_path):
    """`restart: always` comes back after a crash of its server though somebody had killed it, which
    `unless-stopped` does not: no set-up takes it away. Nor the file's own HEALTHCHECK."""
    file = tmp_path / "compose.yml"
    file.write_text(
        "services:\n  web:\n    image: shop/web\n    ports: ['80:80']\n    restart: always\n"
        "    depends_on: [db]\n    healthcheck: {test: curl -f localhost, interval: 7s}\n"
        "  db: {image: 'postgres:17', restart: always}\n"
    )
    runs = decision.prepare(Ask("", reps=1, stack=str(file)), few("process crash"))
    cases = {way.name: case for way, case in runs.setups}
    assert runs.same["as it is"] == ("a restart policy",)
    checked = cases["restart and healthcheck"].stack.services["web"]
    assert (checked.restart, checked.healthcheck.interval) == ("always", 7.0)

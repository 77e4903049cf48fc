"""Services in counts, and where an outage began: runs written down by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sim.dataplane.arithmetic import latency_bin
from sim.dataplane.codes import JOB_CAUSES, LATENCY_BINS, REQUEST_CAUSES
from sim.dataplane.tables import (
    ARRIVED,
    FIRST_CAUSE,
    REQUEST_COLUMNS,
    SUCCEEDED,
    CacheGauge,
    CallGauge,
    DatabaseGauge,
    QueueGauge,
    ServiceGauge,
)
from sim.report.postmortem.account import impact
from sim.results import services
from sim.results.expectations import measured
from sim.results.figures import TABLES
from sim.results.summary import figures
from sim.simulation.simulation import run_case
from sim.study.ask import Ask
from sim.study.plan import plan
from tests import ENGINE
from tests.results import synthetic

CALLS = {"web": ("api",), "api": ("shelf", "bank"), "shelf": (), "bank": ()}
CAUSES = (8, *[0] * (len(REQUEST_CAUSES) - 1))
LOST = (2, *[0] * (len(JOB_CAUSES) - 1))
QUEUES = {
    "mails": QueueGauge(90, 80, 1, 2, 6, 2, 20, 12.0, LOST),
    "parcels": QueueGauge(0, 0, 0, 0, 0, 0, 0, 0.0, (0,) * len(JOB_CAUSES)),
}
DATABASES = {"orders": DatabaseGauge(3, 97, 0, 9, 0, 0.0)}
USERS = CallGauge(1000, 1100, 30, 4)
ASKED = {"": CallGauge(90, 90, 1, 0), "pay": CallGauge(10, 30, 7, 3)}
SECONDS, FROM, UNTIL = 1800, 300, 641


def counts(rate: float, failing: float = 0.0, stuck: float = 0.0) -> np.ndarray:
    """Asked, failed and open, a second; from FROM to UNTIL a share of what is asked fails, and
    another share stays without an answer until the end of it."""
    t = np.arange(SECONDS, dtype=float)
    troubled = np.clip(t - FROM, 0.0, UNTIL - FROM)
    waits = np.where(t < UNTIL, troubled, 0.0)
    return np.stack([rate * t, rate * failing * troubled, rate * stuck * waits], 1).astype(np.int64)


def run_with(doors=("web",), **changed):
    """Ten requests a second on each but the bank, which is asked twice a second."""
    well = {"web": counts(10), "api": counts(10), "shelf": counts(10), "bank": counts(2)}
    gauges = {name: ServiceGauge(100, 90, 8, 2, 0, 20, CAUSES) for name in CALLS}
    return synthetic.run(
        services=gauges, databases=DATABASES, calls=CALLS, answers=well | changed, queues=QUEUES,
        callers={"users": {door: {"": USERS} for door in doors}, "web": {"api": ASKED}},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"web": counts(10, 1.0)}, "web"),  # its own work: nobody whom it asks is worse
        ({"web": counts(10, 0.9), "api": counts(10, 0.9)}, "api"),
        # a silent bank fills the shop: every page waits, and the shelf is at ease
        (
            {"web": counts(10, 0.9), "api": counts(10, 0.5, 0.4), "bank": counts(2, 0.1, 0.9)},
            "bank",
        ),
        # both are worse than users bear; the one that is worse was first
        (
            {
                "web": counts(10, 1.0), "api": counts(10, 1.0), "shelf": counts(10, 0.9),
                "bank": counts(2, 0.05),
            },
            "shelf",
        ),
        # nine in ten of them were saved by a second try; what is left of the bank's failures is
        # all that users see
        (
            {"web": counts(10, 0.002), "api": counts(10, 0.002), "bank": counts(2, 0.01)},
            "bank",
        ),
        # one in a hundred of the bank's fails, which an SLO of 98 % bears
        ({"web": counts(10, 1.0), "api": counts(10, 1.0), "bank": counts(2, 0.01)}, "api"),
    ],
)  # fmt: skip
def test_where_it_began(changed, place):
    assert services.origin(run_with(**changed)) == place


def test_it_began_behind_the_worse_of_two_ways_in():
    changed = {"web": counts(10, 0.5), "bank": counts(2, 0.9)}
    assert services.origin(run_with(("web", "shelf"), **changed)) == "web"
    assert services.origin(run_with(("web", "bank"), **changed)) == "bank"


@pytest.mark.parametrize(
    ("refusals", "connections_refused", "place"),
    [(60, 70, "orders"), (40, 70, "web"), (60, 0, "web")],
)
def test_it_began_at_the_database_that_refused_most(refusals, connections_refused, place):
    causes = [0] * len(REQUEST_CAUSES)
    causes[REQUEST_CAUSES.index("db_refused")] = refusals
    causes[REQUEST_CAUSES.index("shed")] = 100 - refusals
    run = run_with(web=counts(10, 1.0))
    gauge = run.services["web"]._replace(failed=100, causes=tuple(causes))
    orders = DATABASES["orders"]._replace(connections_refused=connections_refused)
    databases = {"carts": DATABASES["orders"], "orders": orders}
    refused = replace(run, services={**run.services, "web": gauge}, databases=databases)
    assert services.origin(refused) == place
    if place == "orders":
        line = next(row for row in impact(figures(refused), 1800.0) if "began" in row)
        assert line == "Services: it began at the database orders, which refused 70 connections"


def test_a_second_of_somebody_elses_errors_is_no_beginning():
    """One second at minute two, then five minutes and 41 s: it began with these."""
    record = synthetic.recording(down=((120.0, 121.0), (300.0, 641.0)), rate=50.0)
    assert services.trouble(synthetic.run(record=record)) == (300.0, 641.0)
    alone = synthetic.recording(down=((120.0, 121.0),), rate=50.0)
    assert services.trouble(synthetic.run(record=alone)) == (120.0, 180.0)


def test_nothing_began_where_users_bore_it():
    calm = synthetic.run(
        down=(),
        services={"web": ServiceGauge(1, 1, 0, 0, 0, 0, CAUSES)},
        answers={"web": counts(10)},
    )
    assert services.origin(calm) == ""


def test_a_stack_without_calls_has_no_such_tables():
    told = {"services", "databases", "queues", "callers", "began_at"}
    one_queue = {"mails": QUEUES["mails"]}
    assert not told & set(figures(synthetic.run(queues=one_queue)))
    assert told & set(figures(synthetic.run(queues=QUEUES))) == {"queues"}
    shelf = CacheGauge(hits=90, misses=10, unanswered=5, fills=10, stored=60, lost=50)
    cached = figures(synthetic.run(caches={"shelf": shelf}))
    assert (
        cached["caches"]["shelf"] | {"entries": 10, "hit_ratio": 0.9} == cached["caches"]["shelf"]
    )
    assert services.rows({"compose": cached})["Caches"] == [
        ("shelf", ("105 looks, 90.0 % hits, 5 unanswered, holds 10",))
    ]


def test_tables_of_one_run_and_of_several():
    one = services.tables(run_with(web=counts(10, 1.0)))
    assert one["services"]["api"]["retries"] == 20
    assert one["databases"]["orders"]["connections_peak"] == 9
    assert one["services"]["api"]["failed"][REQUEST_CAUSES[0]] == 8
    assert one["queues"]["mails"]["lost"][JOB_CAUSES[0]] == 2
    paid = {"calls": 10, "tries": 30, "failed": 7, "given_up": 3}
    assert one["callers"]["web"] == {
        "api": {"calls": 100, "tries": 120, "failed": 8, "given_up": 3, "endpoints": {"pay": paid}}
    }
    assert services.rows({"compose": one})["Callers"][1:] == [
        ("web to api", ("100 calls, 8.0 % failed (3.0 % given up), 1.2 tries each",)),
        ("web to api/pay", ("10 calls, 70.0 % failed (30.0 % given up), 3 tries each",)),
    ]
    assert one["callers"]["users"] == {"web": USERS._asdict()}
    other = services.tables(run_with(web=counts(10, 1.0)))
    other["services"]["api"]["retries"] = 30
    mean = services.mean_tables([one, other])
    assert mean["services"]["api"]["retries"] == 25
    assert mean["services"]["api"]["failed"][REQUEST_CAUSES[0]] == 8
    assert mean["began_at"] == "web"


def mixed(slow: bool):
    """Four users asked for a page, one of them in vain; one paid, in a tenth of a second, or twice
    as long."""
    counts, bins = np.zeros((3, REQUEST_COLUMNS), int), np.zeros((3, LATENCY_BINS), int)
    counts[1, [ARRIVED, SUCCEEDED, FIRST_CAUSE]] = 4, 3, 1
    counts[2, [ARRIVED, SUCCEEDED]] = 1
    bins[2, latency_bin(0.2 if slow else 0.1)] = 1
    one = synthetic.run(endpoints=("(none)", "page", "pay"))
    record = replace(one.recording, endpoints=counts, endpoint_latency=bins, latency_max_s=0.2)
    return services.tables(replace(one, recording=record))


def test_endpoints():
    one = mixed(slow=False)
    assert list(one) == ["endpoints"]
    assert list(one["endpoints"]) == ["page", "pay"]
    page, pay = one["endpoints"].values()
    assert (page["asked"], page["succeeded"], page["failed"]["refused"]) == (4, 3, 1)
    assert page["latency_s"] == {"p50": None, "p95": None}
    assert pay["latency_s"]["p50"] == pytest.approx(0.1, rel=0.02)
    mean = services.mean_tables([one, mixed(slow=True)])["endpoints"]
    assert mean["page"] == page
    assert mean["pay"]["latency_s"]["p95"] == pytest.approx(0.15, rel=0.02)
    rows = services.rows({"compose": one, "kubernetes": {}})["Endpoints"]
    assert rows[0] == ("page", ("4 asked, 25.0 % failed", "not asked"))
    assert rows[1][1][0] == "1 asked, 0.0 % failed, p50 99.3 ms, p95 100 ms"


def test_rows_for_people():
    titles = services.rows({"compose": services.tables(run_with(web=counts(10, 1.0)))})
    rows = {title: dict(lines) for title, lines in titles.items()}
    assert rows["Services"]["api"] == ("100 asked, 8.0 % failed, 1.2 tries each",)
    assert rows["Services"]["it began at"] == ("web",)
    mails = "90 pushed, 80 done, 2 lost, 1 twice, 8 left (the oldest for 12 s)"
    assert rows["Queues"] == {"mails": (mails,), "parcels": ("nothing pushed",)}
    orders = services.database_cell(
        {"connections_peak": 25, "connections_refused": 583, "exhausted_s": 31.2}
    )
    assert orders == "at most 25 connections, 583 refused, full for 31 s"
    web = "100 calls, 8.0 % failed (3.0 % given up), 1.2 tries each"
    assert rows["Callers"]["web to api"] == (web,)


@pytest.mark.parametrize("scenario", ["cold_cache", "poison_job"])
def test_each_figure_of_a_table_can_be_named(scenario: str) -> None:
    """As a gate or an SLO does: all that a run has, and nothing that it lacks."""
    case = plan(Ask(scenario, ["compose"])).cases[0]
    told = figures(run_case(case, 1, engine=ENGINE))
    tables = {name: told[name] for name in TABLES if name in told}

    def numbers(record: dict[str, Any], above: str = "") -> set[str]:
        inner = [(f"{above}{name}", value) for name, value in record.items()]
        below = [numbers(v, f"{path}.") for path, v in inner if isinstance(v, dict)]
        return {path for path, v in inner if not isinstance(v, dict)}.union(*below)

    named = services.table_paths(case.stack)
    causes = {path for path in named if path.endswith((".failed", ".lost"))}
    assert numbers(tables) == set(named) - (causes - numbers(tables))
    assert all(measured(told, path) is not None for path in causes)

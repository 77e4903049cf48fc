"""Every number has an upper bound, every period a floor: at the bound both engines run and write
the same bytes, beyond it nothing runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest

from sim.control.mechanisms import mechanisms
from sim.platforms.platform import Platform
from sim.report.files import summary_json
from sim.schema import bounds
from sim.schema.fields import InputError
from sim.schema.scenario import Scenario
from sim.schema.stack import Stack
from sim.schema.text.document import Document
from sim.schema.text.paths import record_type, types_below, unwrap
from sim.schema.text.validation import Spot, read_value
from sim.study.ask import Ask
from sim.study.batch import Batch
from sim.study.comparison import replay
from sim.study.plan import plan
from sim.study.quarter.rates import Rates
from sim.workshop.challenge import Challenge

SCENARIO = """\
name: edge
title: at the edge
lesson: numbers end somewhere
horizon: 40s
traffic: {rate: 4/s, client: {retries: 1}}
events:
  - {at: 10s, operator_kill: {service: http}}
  - {at: 15s, leak: {service: worker, per_second: 1Mi}}
  - {at: 20s, deploy: {service: http, version: {leak_per_request: 1Ki}}}
  - {at: 25s, raise_connections: {max_connections: 200}}
  - {at: 30s, daemon_restart: {hosting: http}}
set: {compose.load_balancing: ha_proxy, compose.load_balancing.redispatch: true}
"""
PARTS = {
    "stack.services.http.memory.per_request": bounds.BYTES,
    "stack.services.http.memory.limit": bounds.BYTES,
    "stack.services.http.concurrency": bounds.COUNT,
    "stack.services.http.backlog": bounds.COUNT,
    "stack.services.http.database.pool": bounds.COUNT,
    "stack.services.http.database.checkout_timeout": bounds.DURATION,
    "stack.services.http.stop.grace": bounds.DURATION,
    "stack.services.http.cpu.limit": bounds.CORES,
    "stack.services.worker.concurrency": bounds.COUNT,
    "stack.services.worker.job.attempts": bounds.TRIES,
    "stack.services.worker.job.backoff": bounds.DURATION,
    "stack.services.worker.job.max_stalled": bounds.COUNT,
    "stack.services.worker.job.redelivery": bounds.DURATION,
    "stack.services.postgres.max_connections": bounds.COUNT,
    "stack.services.postgres.cost_growth": bounds.RATIO,
    "stack.services.postgres.keepalive": bounds.DURATION,
    "stack.services.postgres.pooler.size": bounds.COUNT,
    "stack.services.postgres.pooler.max_clients": bounds.COUNT,
    "stack.services.redis.maxmemory": bounds.BYTES,
    "stack.services.redis.job_size": bounds.BYTES,
    "stack.servers.machine.memory": bounds.BYTES,
    "stack.servers.machine.cores": bounds.CORES,
    "stack.servers.machine.price_per_hour": bounds.MONEY,
    "scenario.traffic.client.timeout": bounds.DURATION,
    "scenario.traffic.client.backoff": bounds.DURATION,
    "scenario.events.1.leak.per_second": bounds.BYTES,
    "scenario.events.2.deploy.version.leak_per_request": bounds.BYTES,
    "scenario.events.2.deploy.version.cpu_factor": bounds.RATIO,
    "scenario.events.3.raise_connections.max_connections": bounds.COUNT,
    "compose.load_balancing.retries": bounds.TRIES,
    "kubernetes.self_healing.relist_s": bounds.DURATION,
    "kubernetes.scheduling.kubelet.start_cv": bounds.DEVIATION,
}
FLOORS = (
    "stack.services.http.probes.liveness.period",
    "stack.operator.alarm.look",
    "scenario.events.1.leak.tick",
    "kubernetes.autoscaling.sync_s",
    "kubernetes.scheduling.lifecycle.monitor_s",
)


@pytest.fixture
def scenario(tmp_path: Path) -> str:
    path = tmp_path / "edge.yaml"
    path.write_text(SCENARIO)
    return str(path)


def written(path: str, value: float) -> str:
    """`path=value` in the words of `--set`, with the unit that durations need."""
    seconds = path.endswith("_s") or PARTS.get(path) in (bounds.DURATION, bounds.PERIOD)
    return f"{path}={value!r}s" if seconds or path in FLOORS else f"{path}={value!r}"


def report(scenario: str, setting: str, engine: str) -> str:
    """summary.json of a run with this setting, without the engine's name."""
    found = replay(
        plan(Ask(scenario, ["compose", "kubernetes"], settings=[setting], engine=engine)),
        partial(Batch.run, workers=1),
    )
    summary = json.loads(summary_json(found))
    del summary["engine"]
    return json.dumps(summary)


def same_on_both_engines(scenario: str, setting: str) -> None:
    assert report(scenario, setting, "reference") == report(scenario, setting, "compiled")


def below(number: float) -> float:
    return number - 1 if isinstance(number, int) else number * 0.999


@pytest.mark.parametrize("path", PARTS)
def test_at_the_bound_the_engines_write_the_same(scenario: str, path: str) -> None:
    most = PARTS[path].most
    for value in (below(most), most):
        same_on_both_engines(scenario, written(path, value))


@pytest.mark.parametrize("path", FLOORS)
def test_the_shortest_period_ends_and_the_engines_write_the_same(scenario: str, path: str) -> None:
    same_on_both_engines(scenario, written(path, bounds.PERIOD.least))


@pytest.mark.parametrize("path", PARTS)
def test_beyond_the_bound_nothing_runs(scenario: str, path: str) -> None:
    limit = PARTS[path]
    over = limit.most + 1 if isinstance(limit.most, int) else limit.most * 1.001
    for value in (over, 10**400):
        with pytest.raises(InputError) as refused:
            plan(Ask(scenario, settings=[written(path, value)]))
        assert f"at most {limit.written}" in str(refused.value)
        assert "\n" not in str(refused.value)
        assert len(str(refused.value)) < 400


@pytest.mark.parametrize("path", FLOORS)
def test_below_the_floor_nothing_runs(scenario: str, path: str) -> None:
    for value in (bounds.PERIOD.least * 0.999, 1e-6):
        with pytest.raises(InputError, match=r"a period of at least 0\.1s"):
            plan(Ask(scenario, settings=[f"{path}={value:.9f}s"]))


# ---- all there are ----
def numbers(record: type, path: str, seen: tuple[type, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Path and type of each number in a record of this type and in what is below it."""
    for name, written_type in types_below(record).items():
        place, annotation = f"{path}.{name}", written_type
        while get_origin(unwrap(annotation)) in (list, dict, tuple):
            parts = get_args(unwrap(annotation))
            annotation = next(part for part in reversed(parts) if part is not Ellipsis)
        below, bare = record_type(annotation), unwrap(annotation)
        if below is not None and below not in seen:
            yield from numbers(below, place, (*seen, below))
        elif below is None and ({int, float} & {bare, *get_args(bare)}) and bare is not bool:
            yield place, annotation


MECHANISMS = {
    f"{field.name}.{word}": mechanism
    for field in fields(Platform)
    for word, mechanism in mechanisms(field.name).items()
}
NUMBERS = dict(
    found
    for name, record in {
        "stack": Stack, "scenario": Scenario, "rates": Rates, "challenge": Challenge, **MECHANISMS
    }.items()
    for found in numbers(record, name)
)  # fmt: skip


def test_the_walk_finds_the_numbers() -> None:
    assert len(NUMBERS) > 250
    assert {
        "stack.services.concurrency", "stack.services.probes.liveness.period",
        "scenario.events.leak.per_second", "self_healing.docker_restarts.cap_s",
    } <= set(NUMBERS)  # fmt: skip


@pytest.mark.parametrize("path", NUMBERS)
def test_no_number_is_without_a_bound(path: str) -> None:
    for from_text in (True, False):
        for value in (10**20, 10**400, 16**6000, -(10**400), 1e300, float("nan")):
            with pytest.raises(InputError) as refused:
                read_value(NUMBERS[path], value, Spot(Document("file"), (path,)), from_text)
            assert "\n" not in str(refused.value)
            assert len(str(refused.value)) < 500

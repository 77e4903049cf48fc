"""Who is throttled, killed or evicted: CPU quota, QoS classes, kernel's and kubelet's choice."""

from __future__ import annotations

import pytest

from sim.control.core.oom import Process, badness, oom_victim
from sim.control.resource_limits.pressure import (
    EVICTION_HARD,
    EVICTION_MONITOR,
    Consumer,
    eviction_ranking,
    oom_score_adj,
    qos_class,
)
from sim.dataplane.tables import SUCCEEDED
from sim.schema.stack import Service
from tests.control.outage import replay, rows, when

GIB = 1024**3
MIB = 1024**2


# ---- rules ----
@pytest.mark.parametrize(
    ("cpu", "memory", "expected"),
    [
        ({}, {}, "BestEffort"),
        ({"request": 1}, {}, "Burstable"),
        ({}, {"limit": "1Gi"}, "Burstable"),
        ({"limit": 1}, {"limit": "1Gi"}, "Guaranteed"),  # a missing request is the limit
        ({"request": 1, "limit": 1}, {"request": "1Gi", "limit": "1Gi"}, "Guaranteed"),
        ({"request": 0.5, "limit": 1}, {"request": "1Gi", "limit": "1Gi"}, "Burstable"),
        ({"request": 1}, {"request": "1Gi", "limit": "1Gi"}, "Burstable"),  # no CPU limit
        ({"request": 1, "limit": 1}, {"request": "1Gi"}, "Burstable"),
    ],
)
def test_qos_classes(cpu, memory, expected):
    service = Service.model_validate({"role": "http", "cpu": cpu, "memory": memory})
    assert qos_class(service) == expected


@pytest.mark.parametrize(
    ("of", "requested", "adj"),
    [
        ("Guaranteed", 4 * GIB, -997),
        ("BestEffort", 0, 1000),
        ("Burstable", 0, 999),  # only CPU is requested
        ("Burstable", 4 * MIB, 999),
        ("Burstable", GIB, 875),
        ("Burstable", 4 * GIB, 500),
        ("Burstable", 8 * GIB, 2),
        ("Burstable", 20 * GIB, 2),
    ],
)
def test_oom_score_adj_on_a_machine_of_8_gib(of, requested, adj):
    assert oom_score_adj(of, requested, 8 * GIB) == adj


def test_badness_is_bytes_and_thousandths_of_the_machine():
    assert badness(Process(0, GIB, 0), 8 * GIB) == GIB
    assert badness(Process(0, GIB, 500), 8 * GIB) == 5 * GIB


@pytest.mark.parametrize(
    ("processes", "victim"),
    [
        ([], None),
        ([(1, GIB, 0), (2, 3 * GIB, 0), (3, 2 * GIB, 0)], 2),  # Docker: the largest
        ([(1, GIB, 0), (2, GIB, 0)], 1),  # the first among equals
        ([(1, 4 * GIB, -997), (2, 64 * MIB, 1000)], 2),  # Guaranteed goes last
        ([(1, 4 * GIB, 500), (2, 128 * MIB, 976)], 1),  # below its request of 192Mi
        ([(1, 4 * GIB, 500), (2, GIB, 976)], 2),  # above it
        ([(1, 4 * GIB, -1000)], None),  # unkillable
    ],
)
def test_the_kernels_choice(processes, victim):
    assert oom_victim([Process(*p) for p in processes], 8 * GIB) == victim


@pytest.mark.parametrize(
    ("replicas", "order"),
    [
        ([(1, 0, 300, 200), (2, 0, 900, 1000)], [1, 2]),  # above its request first
        ([(1, 0, 300, 200), (2, 0, 900, 200)], [2, 1]),  # the most above
        ([(1, 5, 900, 200), (2, 0, 300, 200)], [2, 1]),  # lower priority before that
        ([(1, 0, 100, 200), (2, 9, 300, 200)], [2, 1]),  # but not before being above
        ([(1, 0, 50, 0), (2, 0, 900, 500)], [2, 1]),  # QoS class is no input
        ([(2, 0, 10, 10), (1, 0, 10, 10)], [1, 2]),
    ],
)
def test_the_kubelets_order(replicas, order):
    assert eviction_ranking([Consumer(*r) for r in replicas]) == order


# ---- a CPU quota throttles ----
@pytest.mark.parametrize(("limit", "theory_s"), [(1.0, 0.025), (0.5, 0.0667), (0.25, 0.4)])
def test_a_quota_slows_as_queueing_theory_says(limit, theory_s):
    """M/M/1 with processor sharing: T = S / (1 - rate S), S = demand / quota."""
    settings = {
        "stack.services.api.database": None,
        "stack.services.api.push.share": 0,
        "stack.services.api.concurrency": 1000,
        "stack.services.api.cpu": {"demand": {"exponential": "20ms"}, "limit": limit},
    }
    run = replay(rate=10.0, horizon_s=1800.0, settings=settings)
    done = run.recording.requests[:, SUCCEEDED].sum()
    assert run.recording.latency_sum.sum() / done == pytest.approx(theory_s, rel=0.15)
    ablated = {**settings, "compose.resource_limits": None}
    free = replay(rate=10.0, horizon_s=300.0, settings=ablated).recording
    assert free.latency_sum.sum() / free.requests[:, SUCCEEDED].sum() < 0.03


# ---- memory ----
def full(platform: str, leak: str = "4Mi", **settings: object):
    """Workers leak so much a second, each, beside a database of 4 GiB."""
    base = {
        "stack.services.postgres.memory": {"base": "4Gi", "request": "4Gi"},
        "stack.services.worker.memory": {"base": "120Mi", "request": "192Mi", "limit": None},
        f"{platform}.autoscaling": None,
        "kubernetes.scheduling.bin_pack": True,
        "kubernetes.scheduling.spread_weight": 0,
    }
    event = {"at": 60, "leak": {"service": "worker", "per_second": leak, "replicas": 2}}
    asked = {k: v for k, v in base.items() if k.startswith(("stack", platform))}
    return replay(event, platform=platform, horizon_s=1000.0, settings={**asked, **settings})


def killed(run) -> list[str]:
    return [row.text for row in rows(run, "exit")]


def test_docker_kills_the_largest_process_of_a_full_server():
    run = full("compose")
    assert killed(run)[0].startswith("postgres-1 OOM-killed: server-1 is full (exit 137)")


def test_a_limit_kills_who_leaks():
    run = full("compose", **{"stack.services.worker.memory.limit": "512Mi"})
    assert killed(run)[0] == "worker-1 OOM-killed: above its memory limit (exit 137)"
    assert not rows(run, "exit", "postgres")


def test_the_kubelet_evicts_who_is_above_its_request():
    run = full("kubernetes")
    first = rows(run, "exit")[0]
    assert first.text.startswith("worker-")
    assert "evicted: server-1 is short of memory" in first.text
    assert first.t_s % EVICTION_MONITOR.value == 0
    assert when(run, "placed", "worker")[0] == first.t_s  # replaced, not restarted
    assert not rows(run, "exit", "postgres")


@pytest.mark.parametrize(
    ("leak", "settings"),
    [
        ("20Mi", {}),  # 400 MiB between two looks of the kubelet
        ("4Mi", {"kubernetes.resource_limits.monitor_s": 10_000.0}),
    ],
)
def test_a_leak_that_is_faster_than_the_kubelet_is_the_kernels(leak, settings):
    run = full("kubernetes", leak, **settings)
    assert killed(run)[0].startswith("worker-")
    assert "OOM-killed: server-1 is full" in killed(run)[0]


def test_without_qos_the_kernel_takes_the_database_on_kubernetes_too():
    run = full("kubernetes", **{"kubernetes.resource_limits": None})
    assert killed(run)[0].startswith("postgres-1 OOM-killed: server-1 is full")


def test_a_higher_threshold_evicts_sooner():
    late, soon = (
        full("kubernetes"),
        full("kubernetes", **{"kubernetes.resource_limits.evict_below": float(GIB)}),
    )
    gap = rows(late, "exit")[0].t_s - rows(soon, "exit")[0].t_s
    assert gap == pytest.approx((GIB - EVICTION_HARD.value) / (8 * MIB), abs=15.0)


@pytest.mark.parametrize(("priority", "victim"), [(0, "postgres-"), (1000, "worker-")])
def test_of_those_above_their_request_the_lower_priority_is_evicted(priority, victim):
    settings = {
        "stack.services.postgres.memory": {"base": "4Gi", "request": "1Gi"},  # 3 GiB above
        "stack.services.postgres.priority": priority,
    }
    first = rows(full("kubernetes", **settings), "exit")[0]
    assert first.text.startswith(victim)
    assert "evicted: server-1 is short of memory" in first.text

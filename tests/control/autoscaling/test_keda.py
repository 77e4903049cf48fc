"""KEDA: the executor's rule as a table, then its loop beside the HPA's."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from sim.control.autoscaling.hpa_loop import Autoscaling
from sim.control.autoscaling.keda import Keda, wanted_by_keda
from sim.platforms import takes
from sim.platforms.kubernetes import PLATFORM
from sim.schema.fields import InputError
from sim.study.ask import Ask
from sim.study.plan import plan
from tests.control.world import World, stack_of


@pytest.mark.parametrize(
    ("current", "least", "active", "inactive_s", "expected"),
    [
        (0, 0, True, 0.0, 1),
        (0, 3, True, 0.0, 3),
        (4, 0, True, 0.0, 4),  # one to many is the HPA's
        (4, 0, False, 300.0, 4),  # not yet
        (4, 0, False, 300.1, 0),  # from four to zero at once
        (4, 0, False, math.inf, 0),  # never any work
        (4, 2, False, math.inf, 4),  # the cooldown is for zero only
        (1, 2, False, math.inf, 2),
        (0, 0, False, math.inf, 0),
    ],
)
def test_executor(current, least, active, inactive_s, expected):
    assert wanted_by_keda(current, least, active, inactive_s, 300.0) == expected


def world_of(keda: Keda | None, replicas: int = 1, least: int = 0) -> World:
    asks = {"min": least, "max": 50, "cpu": 0.7, "queue": 5}
    worker = {"replicas": replicas, "cpu": {"request": 1.0}, "scaling": asks}
    rules = Autoscaling(servers=None, keda=keda)
    stack = stack_of({"worker": worker}, machine={"cores": 1000.0, "memory": 2**50})
    return World(stack, replace(PLATFORM, autoscaling=rules))


def number(world: World, t_s: float) -> int:
    world.until(t_s)
    return world.cluster.desired["worker"]


def test_no_work_no_worker_and_back():
    world = world_of(Keda())
    assert number(world, 60.0) == 0  # never any work
    world.plane.queued = 100
    assert number(world, 95.0) >= 1
    assert number(world, 180.0) == 20
    world.plane.queued = 0
    assert number(world, 400.0) > 0
    assert number(world, 600.0) == 0


@pytest.mark.parametrize(
    ("keda", "expected"), [(Keda(activation=200), 0), (Keda(), 20), (Keda(polling_s=1000.0), 1)]
)
def test_activation_and_polling_are_fields(keda, expected):
    """With a slow poll nobody takes the only worker away; the HPA alone serves one to many."""
    world = world_of(keda)
    world.plane.queued = 100 if expected != 1 else 0
    assert number(world, 200.0) == expected


def test_the_cooldown_is_a_field():
    for cooldown_s, expected in ((60.0, 0), (900.0, 1)):
        world = world_of(Keda(cooldown_s=cooldown_s))
        world.plane.queued = 1
        world.until(60.0)
        world.plane.queued = 0
        assert number(world, 200.0) == expected


@pytest.mark.parametrize(
    ("scaling", "keda", "cores", "says"),
    [
        ({}, None, 1.0, ""),
        ({}, None, None, "a share of its CPU request"),  # the HPA: "missing request for cpu"
        ({"queue": 5}, Keda(), None, ""),
        ({"queue": 5}, None, 1.0, "KEDA serves"),
        ({"min": 0}, Keda(), 1.0, "starts the first one"),
        ({"min": 0, "queue": 5}, Keda(), 1.0, ""),
    ],
)
def test_what_the_api_server_refuses(scaling, keda, cores, says):
    platform = replace(PLATFORM, autoscaling=Autoscaling(keda=keda))
    stack = stack_of({"worker": {"scaling": scaling, "cpu": {"request": cores}}})
    if not says:
        takes("kubernetes", platform, stack)
        return
    with pytest.raises(InputError, match=says):
        takes("kubernetes", platform, stack)


def test_a_queue_without_keda_is_told_before_anything_runs():
    asked = {"stack.services.worker.scaling.queue": 5}
    with pytest.raises(InputError, match=r"kubernetes\.autoscaling.*KEDA serves"):
        plan(Ask("container_crash", ["kubernetes"], settings=asked))
    plan(
        Ask(
            "container_crash", ["kubernetes"], settings={**asked, "kubernetes.autoscaling.keda": {}}
        )
    )
    plan(Ask("container_crash", ["compose"], settings=asked))

"""What `--set` may say of a platform's mechanisms; what it may not is told in one line."""

from __future__ import annotations

import math

import pytest

from sim.platforms import configured
from sim.schema.fields import InputError
from sim.study.ask import Ask
from sim.study.plan import plan
from tests.control.outage import replay

TOLERANCE = "kubernetes.autoscaling.tolerance"


def set_to(path: str, value: object) -> object:
    """What stands at a path of a platform that was told so."""
    name, _, rest = path.partition(".")
    here: object = configured(name, {name: {rest: value}})
    for step in rest.split("."):
        here = getattr(here, step)
    return here


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        (TOLERANCE, 0.2, 0.2),
        (TOLERANCE, "20%", 0.2),
        (TOLERANCE, 0, 0.0),
        ("kubernetes.autoscaling.sync_s", "1m", 60.0),
        ("kubernetes.autoscaling.sync_s", 60, 60.0),
        ("kubernetes.scheduling.max_skew", 1, 1),
        ("kubernetes.scheduling.bin_pack", True, True),
        ("kubernetes.rolling_updates.max_surge", 3, "3"),
        ("kubernetes.rolling_updates.max_surge", "50%", "50%"),
        ("kubernetes.autoscaling.servers.expendable_below", -5, -5),
        ("kubernetes.autoscaling.servers", None, None),
        ("kubernetes.resource_limits.weights", "shares", "shares"),
        ("cloud_run.scheduling.launch_rate", 5, 5.0),
        ("cloud_run.scheduling.launch_rate", math.inf, math.inf),
    ],
)
def test_what_a_field_takes(path, value, found):
    assert set_to(path, value) == found
    assert type(set_to(path, value)) is type(found)


@pytest.mark.parametrize(
    ("path", "value", "expected", "nearest"),
    [
        ("kubernetes.autoscaling.tolerence", 0.2, "one of sync_s", "tolerance"),
        ("kubernetes.autoscalin.tolerance", 0.2, "one of self_healing", "autoscaling"),
        ("kubernetes.scheduling.lifecycle.tolerations", 3, "one of renew_s", "toleration_s"),
        ("kubernetes.autoscaling.tolerance.x", 1, "a path that ends before it", ""),
        ("kubernetes.rolling_updates", "canry", "null or one of", "canary"),
        ("kubernetes.rolling_updates.max_surge", "lots", "a whole number such as 1, or a", ""),
        ("kubernetes.rolling_updates.max_surge", -1, "a whole number such as 1, or a", ""),
        (TOLERANCE, "much", "a number of at least 0 such as 0.1", ""),
        (TOLERANCE, "5s", "a number of at least 0 such as 0.1", ""),
        (TOLERANCE, math.nan, "a number of at least 0", ""),
        (TOLERANCE, math.inf, "a number of at least 0", ""),
        (TOLERANCE, -0.1, "a number of at least 0", ""),
        (TOLERANCE, True, "a number of at least 0", ""),
        (TOLERANCE, None, "a number of at least 0", ""),
        (TOLERANCE, [1], "a number of at least 0", ""),
        (TOLERANCE, {"of": 1}, "a number of at least 0", ""),
        ("kubernetes.autoscaling.sync_s", "-5s", "a duration above 0", ""),
        ("kubernetes.autoscaling.sync_s", 0, "a duration above 0 such as 15s", ""),
        ("kubernetes.autoscaling.sync_s", "20%", "a duration above 0", ""),
        ("kubernetes.scheduling.kubelet.pull_rate", 0, "a number above 0", ""),
        ("kubernetes.scheduling.max_skew", 1.5, "a whole number of at least 0 such as 3", ""),
        ("kubernetes.scheduling.bin_pack", 1, "true or false", ""),
        ("kubernetes.resource_limits.weights", "share", "one of shares, requests", "shares"),
        ("kubernetes.load_balancing.algorithm", "round-robin", "one of", "round_robin"),
    ],
)
def test_what_it_does_not_take(path, value, expected, nearest):
    with pytest.raises(InputError) as raised:
        set_to(path, value)
    (issue,) = raised.value.issues
    assert issue.field == path
    assert issue.expected.startswith(expected)
    assert issue.nearest == nearest


PERIODS = [
    "kubernetes.autoscaling.resolution_s", "kubernetes.autoscaling.servers.scan_s",
    "kubernetes.resource_limits.monitor_s", "kubernetes.scheduling.lifecycle.renew_s",
    "kubernetes.scheduling.lifecycle.monitor_s", "kubernetes.scheduling.evictions.retry_s",
    "kubernetes_tuned.autoscaling.keda.polling_s", "compose_hardened.load_balancing.inter_s",
    "compose_hardened.health_checks.interval_s", "nomad.autoscaling.evaluation_s",
    "ecs_fargate.autoscaling.period_s", "ecs_fargate.health_checks.interval_s",
    "cloud_run.autoscaling.evaluation_s",
]  # fmt: skip


@pytest.mark.parametrize("path", PERIODS)
def test_who_looks_all_the_time_would_never_come_to_an_end(path):
    with pytest.raises(InputError, match="a duration above 0"):
        set_to(path, 0)


@pytest.mark.parametrize("event", ["server_crash", "daemon_restart"])
def test_a_server_that_is_not_there(event):
    """Kubernetes has three of them, Compose one: only the run knows."""
    with pytest.raises(InputError, match=r"found server 2 at 60s; expected an index below 1"):
        replay({"at": 60, event: {"server": 2}}, horizon_s=120.0)


LEAST = "stack.services.http.scaling.min"


@pytest.mark.parametrize("platforms", [None, ["kubernetes"], ["nomad"], ["compose"]])
def test_a_number_is_checked_on_the_stack_as_it_runs(platforms):
    """Twenty is the most on Kubernetes and Nomad; on Compose nothing reads it."""
    assert plan(Ask("black_friday:rush", platforms, settings=[f"{LEAST}=12"]))


@pytest.mark.parametrize("platforms", [None, ["kubernetes"], ["nomad"]])
def test_and_refused_where_it_cannot_be(platforms):
    with pytest.raises(
        InputError, match=r"^--set: .*found min 22 above max 20; expected min <= max"
    ):
        plan(Ask("black_friday:rush", platforms, settings=[f"{LEAST}=22"]))
    assert plan(Ask("black_friday:rush", ["compose"], settings=[f"{LEAST}=22"]))
    assert plan(Ask("black_friday:rush", ["kubernetes-autoscaling"], settings=[f"{LEAST}=22"]))


def test_an_autoscaler_that_somebody_puts_there_reads_it():
    settings = [f"{LEAST}=22", "compose.autoscaling=autoscaling"]
    with pytest.raises(InputError, match="between 22 and 10"):
        plan(Ask("black_friday:rush", ["compose"], settings=settings))


def test_what_only_another_platform_cannot_take_is_no_objection():
    """More than the limit that Kubernetes' manifests write; Compose, with none, is run alone."""
    asked = ["stack.services.http.memory.request=600Mi"]
    with pytest.raises(InputError, match="above limit"):
        plan(Ask("container_crash", ["kubernetes"], settings=asked))
    assert plan(Ask("container_crash", ["compose"], settings=asked))

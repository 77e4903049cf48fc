"""Choices that cannot go together: one message, exit 2, and nothing runs."""

import pytest


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (
            ["kubernetes.rolling_updates=canary", "kubernetes.load_balancing=null"],
            "needs a load balancer",
        ),
        (
            ["kubernetes.rolling_updates=blue_green", "kubernetes.service_discovery=null"],
            "needs service discovery",
        ),
        (
            ["kubernetes.rollback=auto_rollback", "kubernetes.rolling_updates=null"],
            "needs rolling updates",
        ),
        (["stack.services.http.cpu.request=null"], "api is scaled on a share of its CPU request"),
        (["kubernetes=null"], "a path below it: one of self_healing"),
        (["kubernetes.autoscaling.tolerance=null"], "a number of at least 0"),
    ],
)
def test_an_impossible_pair_is_one_message(sim, settings, why):
    told = [word for one in settings for word in ("--set", one)]
    said = sim("run", "container_crash", "--platform", "kubernetes", *told)
    assert said.status == 2
    assert why in said.err
    assert "kubernetes" in said.err
    assert "Traceback" not in said.err
    assert said.err.strip().count("\n") == 0

"""`docker stop` and what is typed in its place elsewhere."""

from __future__ import annotations

import pytest

from sim.platforms import names
from tests.control.outage import replay, rows, when

STOP = {"at": 300, "operator_stop": {"service": "http"}}
UPGRADE = {"at": 480, "daemon_restart": {"hosting": "http"}}
ASLEEP = {"stack.operator.detect": "24h"}


@pytest.mark.parametrize(
    ("policy", "stopping", "back"),
    [
        ("no", {}, False),
        ("always", {}, True),
        ("unless-stopped", {}, False),
        ("on-failure", {}, False),  # it finished its requests: exit 0
        ("on-failure", {"stack.services.api.stop.ignores": True}, True),  # 137
    ],
)
def test_a_stopped_container_stays_down_until_the_daemon_says_otherwise(
    policy: str, stopping: dict[str, object], back: bool
) -> None:
    """Policies are cancelled; at its start dockerd asks the policy again (moby#28396, #35304)."""
    settings = {"stack.services.api.restart": policy, **stopping, **ASLEEP}
    run = replay(STOP, UPGRADE, settings=settings, horizon_s=900.0)
    assert all(t >= 482.0 for t in when(run, "restart", "api-1"))
    assert bool(when(run, "restart", "api-1")) is back


def test_docker_stop_is_graceful() -> None:
    """Unlike a kill nothing that is inside is lost; who ignores SIGTERM has his ten seconds."""
    run = replay(STOP, settings=ASLEEP, horizon_s=400.0, rate=20.0)
    (stopped,) = rows(run, "exit", "api-1")
    assert "(exit 0)" in stopped.text
    stubborn = {"stack.services.api.stop.ignores": True, **ASLEEP}
    assert when(replay(STOP, settings=stubborn, horizon_s=400.0), "exit", "api-1") == [310.0]


WORDS = {
    "compose": "docker stop", "compose_hardened": "docker stop", "swarm": "docker stop",
    "kubernetes": "kubectl delete pod", "kubernetes_tuned": "kubectl delete pod",
    "nomad": "nomad alloc stop", "ecs_fargate": "aws ecs stop-task",
}  # fmt: skip


@pytest.mark.parametrize("platform", names())
def test_each_platform_has_its_own_words(platform: str) -> None:
    run = replay(STOP, platform=platform, settings=ASLEEP, horizon_s=600.0)
    (said,) = rows(run, "operator_stop")
    if platform == "cloud_run":
        assert "no command" in said.text
        assert not rows(run, "exit", "api")
        return
    assert said.text.endswith(f"is stopped by `{WORDS[platform]}`")
    assert rows(run, "exit", said.subject)
    wanted = run.series["replicas"][299]
    assert run.series["replicas"][599] == wanted - (WORDS[platform] == "docker stop"
                                                    and platform != "swarm")  # fmt: skip


def test_swarm_sees_a_task_end_and_waits_its_delay() -> None:
    run = replay(STOP, platform="swarm", settings=ASLEEP, horizon_s=600.0)
    (ended_s,) = when(run, "exit", "api")
    assert when(run, "restart", "api") == [pytest.approx(ended_s + 5.0)]

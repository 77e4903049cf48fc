"""autoheal: the table of its script, and a hung container that comes back by itself."""

from __future__ import annotations

import pytest

from sim.control.health_checks.docker import Seen, unhealthy
from tests.control.outage import CALM, replay, rows, when

HANG = {"at": 300.0, "hang": {"service": "http"}}
CHECK = {"interval": "5s", "timeout": "2s", "retries": 3}
CHECKED = {**CALM, "stack.services.http.healthcheck": CHECK}
HEALED = {**CHECKED, "compose.health_checks": "autoheal"}


@pytest.mark.parametrize(
    ("containers", "restarted"),
    [
        ([Seen(1, "healthy", True, False)], []),
        ([Seen(1, "unhealthy", True, False)], [1]),
        ([Seen(1, "starting", True, False)], []),
        ([Seen(1, "", True, False)], []),  # no HEALTHCHECK: no label, nothing to do
        ([Seen(1, "unhealthy", True, True)], []),  # found to be restarting
        ([Seen(1, "unhealthy", False, False)], []),  # the Engine lists what runs
        ([Seen(1, "unhealthy", True, False), Seen(4, "unhealthy", True, False)], [4, 1]),
    ],
)
def test_whom_it_restarts(containers: list[Seen], restarted: list[int]) -> None:
    assert unhealthy(containers) == restarted


def test_a_hung_container_is_restarted_within_5_s_of_its_label_and_nobody_is_paged() -> None:
    run = replay(HANG, settings={**HEALED, "stack.operator.detect": "5m"})
    labelled, healed = when(run, "health")[0], when(run, "autoheal")
    assert 300.0 + 14.0 <= labelled <= 300.0 + 21.0  # 3 x (5 + 2), less a phase
    assert len(healed) == 1
    assert 0.0 <= healed[0] - labelled <= 5.0
    assert when(run, "exit")[0] == pytest.approx(healed[0] + 10.0)  # it hangs: SIGKILL after 10 s
    assert when(run, "listening")[0] == pytest.approx(healed[0] + 10.0 + 8.0)
    assert not rows(run, "page")


@pytest.mark.parametrize(
    ("path", "value", "gap"),
    [("interval_s", "60s", (5.0, 60.0)), ("stop_timeout_s", "3s", (0.0, 5.0))],
)
def test_its_settings(path: str, value: str, gap: tuple[float, float]) -> None:
    settings = {**HEALED, f"compose.health_checks.{path}": value, "stack.operator.detect": "9m"}
    run = replay(HANG, settings=settings, seed=3)
    healed = when(run, "autoheal")[0]
    assert gap[0] <= healed - when(run, "health")[0] <= gap[1]
    stop = 3.0 if path == "stop_timeout_s" else 10.0
    assert when(run, "exit")[0] - healed == pytest.approx(stop)


def test_it_looks_at_nothing_before_its_start_period() -> None:
    late = {**HEALED, "compose.health_checks.start_period_s": "20m", "stack.operator.detect": "1h"}
    assert when(replay(HANG, settings=late), "autoheal")[0] >= 1200.0


def test_the_operator_leaves_to_it_what_it_ends() -> None:
    """Without it she is paged and restarts the container herself."""
    by_hand = replay(HANG, settings=CHECKED)
    assert any("docker restart" in row.text for row in rows(by_hand, "operator"))
    assert not rows(by_hand, "autoheal")

"""A deploy script beside Compose: the old version goes once the new one, beside it, is healthy."""

from __future__ import annotations

from typing import Any

import pytest

from sim.results.figures import total
from sim.results.run import Run
from sim.results.summary import figures
from sim.schema.fields import InputError
from tests.control.outage import replay, rows, when

CHECK = {"interval": "10s", "timeout": "3s", "retries": 3}
SETTINGS = {
    "compose.load_balancing": "ha_proxy",
    "compose.rolling_updates": "deploy_script",
    "stack.services.api.replicas": 2,
    "stack.services.api.restart": "unless-stopped",
    "stack.services.api.healthcheck": CHECK,
}


def deployed(version: dict[str, Any], *more: dict[str, Any], **settings: Any) -> Run:
    deploy = {"at": 300, "deploy": {"service": "http", "version": version}}
    own = {**SETTINGS, **{path.replace("__", "."): value for path, value in settings.items()}}
    return replay(deploy, *more, settings=own, rate=20.0, horizon_s=1200.0)


def failed(run: Run) -> float:
    return total(figures(run), "requests.failed")


def test_a_good_version_costs_nobody_a_request() -> None:
    """A boot of 8 s, a HEALTHCHECK each 10 s, a look a second: all are healthy after 10 s."""
    run = deployed({"name": "v2"})
    assert failed(run) == 0
    assert [row.t_s for row in rows(run, "rollout")] == [300.0, pytest.approx(310.0, abs=2.0)]
    replicas = run.series["replicas"]
    assert (replicas[299], replicas[309], replicas[330]) == (2, 4, 2)


def test_a_version_that_does_not_start_is_taken_away_after_a_minute() -> None:
    run = deployed({"name": "v2", "crashes_at_start": True})
    assert failed(run) == 0
    first, last = rows(run, "rollout")
    assert (first.t_s, last.t_s) == (300.0, 360.0)
    assert "the new ones go" in last.text
    assert run.series["replicas"][-1] == 2


def test_without_a_check_it_waits_ten_seconds_and_believes() -> None:
    """What crashes at its start is taken for good, as by a deploy without a script."""
    nobody = {"stack__services__api__healthcheck": None}
    good = deployed({"name": "v2"}, **nobody)
    assert [row.t_s for row in rows(good, "rollout")] == [300.0, 310.0]
    assert failed(good) == 0
    assert failed(deployed({"name": "v2", "crashes_at_start": True}, **nobody)) > 100


def test_the_next_deploy_and_more_replicas_find_a_port() -> None:
    """The second set stands at the ports of the first, and a third replica beside it."""
    again = {"at": 400, "deploy": {"service": "http", "version": {"name": "v3"}}}
    run = deployed({"name": "v2"}, again, {"at": 500, "scale": {"services": {"http": 3}}})
    assert failed(run) == 0
    assert rows(run, "port_taken") == []
    assert run.series["replicas"][-1] == 3


def test_a_bad_answer_passes_its_check_and_a_person_goes_back() -> None:
    run = deployed({"name": "v2", "error_rate": 0.5})
    assert failed(run) > 100
    assert len(when(run, "rollback")) == 1
    assert [row.text for row in rows(run, "rollout")][-1] == "the deploy of api v1 is complete"


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("compose.load_balancing", None, "needs a load balancer"),
        ("compose.scheduling", "scheduling", "scheduling left empty"),
    ],
)
def test_it_says_what_it_needs(path: str, value: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        replay(settings={**SETTINGS, path: value})


def test_a_deploy_while_the_server_is_down_is_told() -> None:
    run = deployed({"name": "v2"}, {"at": 290, "server_crash": {}})
    assert [row.text for row in rows(run, "rollout")] == [
        "the deploy script finds no container to replace"
    ]

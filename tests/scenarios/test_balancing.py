"""The scenarios on balancing, probes and retries teach what they say."""

from __future__ import annotations

import pytest

from tests.scenarios.replays import measured, replay, share_failed


# ---- sick_container ----
def test_nothing_notices_a_hung_container_on_compose() -> None:
    """A third of the requests wait in vain until a person comes, HEALTHCHECK or not."""
    for name in ("sick_container", "sick_container:healthcheck"):
        run = replay(name, "compose")
        assert 0.25 < share_failed(run, 640, 780) < 0.45
        assert not [r for r in run.timeline if r.event in ("restart", "exit") and r.t_s < 780]
    labels = [r.text for r in replay("sick_container:healthcheck", "compose").timeline]
    assert any("labelled unhealthy" in text for text in labels)


def test_readiness_gates_and_liveness_restarts() -> None:
    assert measured("sick_container", "kubernetes")["degraded_s"] <= 30
    gated = replay("sick_container:no_liveness", "kubernetes")
    assert measured("sick_container:no_liveness", "kubernetes")["degraded_s"] <= 30
    assert not [r for r in gated.timeline if r.event == "restart"]
    assert measured("sick_container:no_probes", "kubernetes")["degraded_s"] > 180


# ---- retry_storm ----
@pytest.mark.parametrize("seed", [1, 2])
def test_the_storm_outlives_its_trigger(seed: int) -> None:
    """The database answers again at 10:30; nobody is served until a person restarts the API, and
    from then on everybody is."""
    run = replay("retry_storm", "compose", seed)
    assert "postgres-1 answers again" in {r.text for r in run.timeline if r.t_s <= 630.0}
    (restarted,) = [int(row.t_s) for row in run.timeline if "`docker compose restart" in row.text]
    assert restarted > 720
    assert share_failed(run, 660, restarted) > 0.9
    assert share_failed(run, restarted + 30, 2340) < 0.02


@pytest.mark.parametrize("variant", ["budget", "shedding"])
def test_a_budget_or_a_short_queue_ends_the_storm(variant: str) -> None:
    run = replay(f"retry_storm:{variant}", "compose")
    assert share_failed(run, 600, 630) > 0.5, "the trigger is felt all the same"
    assert share_failed(run, 720, 2340) < 0.01


def test_only_readiness_saves_kubernetes_from_the_storm() -> None:
    assert share_failed(replay("retry_storm", "kubernetes"), 720, 2340) < 0.01
    run = replay("retry_storm:no_probes", "kubernetes")
    rolled = [int(row.t_s) for row in run.timeline if "`kubectl rollout restart" in row.text]
    assert share_failed(run, 660, rolled[0]) > 0.9, "until a person restarts it"


# ---- deep_health_check ----
def test_a_deep_liveness_probe_kills_every_api() -> None:
    def killed(name: str) -> set[str]:
        rows = replay(name, "kubernetes").timeline
        return {r.subject for r in rows if r.event == "liveness"}

    assert killed("deep_health_check") == {"api-1", "api-2", "api-3"}
    assert killed("deep_health_check:shallow") == set()
    assert killed("deep_health_check:readiness") == set()
    deep = measured("deep_health_check", "kubernetes")["degraded_s"]
    shallow = measured("deep_health_check:shallow", "kubernetes")["degraded_s"]
    assert deep > shallow + 20
    assert measured("deep_health_check", "compose")["degraded_s"] < deep


# ---- half_open_connections ----
@pytest.mark.parametrize("platform", ["compose", "kubernetes"])
def test_replacements_find_the_slots_of_the_dead(platform: str) -> None:
    """4 x 15 lived on, 2 x 15 are ghosts: 7 of 97 are free, and each new process wants 15."""
    assert measured("half_open_connections", platform)["connections"]["containers_refused"] > 10
    tuned = measured("half_open_connections:keepalive", platform)
    assert tuned["connections"]["containers_refused"] == 0
    refused = [r for r in replay("half_open_connections", platform).timeline if "53300" in r.text]
    by = {r.subject for r in refused if r.t_s < 1500} - {"database"}  # which says so once itself
    assert by <= ({"api-3", "api-6"} if platform == "compose" else {"api-1", "api-4"})


def test_nobody_notices_before_the_evening() -> None:
    run = replay("half_open_connections", "kubernetes")
    assert share_failed(run, 900, 1500) < 0.02, "four replicas are enough by day"
    assert share_failed(run, 1700, 2400) > 0.3, "and too few in the evening"
    tuned = replay("half_open_connections:keepalive", "kubernetes")
    assert share_failed(tuned, 1700, 2400) < 0.05


def test_outlier_detection_does_not_see_silence_and_least_connections_does() -> None:
    mesh = replay("sick_container:outliers", "kubernetes")
    assert not [r for r in mesh.timeline if r.event == "ejected" and r.t_s < 780]
    assert share_failed(mesh, 640, 780) > 0.25
    least = measured("sick_container:least_connections", "kubernetes")
    assert least["requests"]["failed"]["client_timeout"] < 10


COMMAND = {"compose": "docker restart api-1", "kubernetes": "kubectl delete pod api-1"}


@pytest.mark.parametrize("platform", ["compose", "kubernetes"])
def test_a_replica_that_errs_answers_its_probe_until_a_person_restarts_it(platform: str) -> None:
    run = replay("sick_container:erring", platform)
    assert share_failed(run, 0, 600) == 0.0
    assert 0.25 < share_failed(run, 600, 800) < 0.42, "one replica in three"
    assert not [r for r in run.timeline if r.event in ("liveness", "readiness")]
    (restarted,) = [r.t_s for r in run.timeline if COMMAND[platform] in r.text]
    assert share_failed(run, int(restarted) + 30, 1800) < 0.001
    assert run.operator.pages == 1


def test_least_connections_loves_a_replica_that_errs() -> None:
    """It is done at once and so has the fewest inside; silence was the other way round."""
    loved = share_failed(replay("sick_container:erring_least", "kubernetes"), 600, 800)
    assert loved > share_failed(replay("sick_container:erring", "kubernetes"), 600, 800) + 0.12


@pytest.mark.parametrize("variant", ["erring_deep", "erring_outliers"])
def test_who_looks_at_real_answers_finds_it(variant: str) -> None:
    name = f"sick_container:{variant}"
    assert measured(name, "kubernetes")["degraded_s"] <= 30
    assert measured(name, "kubernetes")["operator"]["pages"] == 0


# ---- moving_target ----
def test_a_proxy_that_looked_once_sends_everybody_to_nobody() -> None:
    """The API is up ten seconds after the deploy, at the address that its neighbour has left;
    nothing is served until a reload."""
    run = replay("moving_target", "compose")
    (looked,) = [r for r in run.timeline if r.event == "resolved"]
    assert looked.text == "nginx looks up api: api-2"
    assert looked.t_s > 1000
    assert run.series["replicas"][700:1000].min() == 1, "it runs"
    assert share_failed(run, 640, looked.t_s) == 1.0
    assert share_failed(run, looked.t_s + 1, 2600) == 0.0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_api_that_is_recreated_alone_is_found_again(seed: int) -> None:
    """It has its own address back, every time: nothing but the deploy itself."""
    figures = measured("moving_target:alone", "compose", seed)
    assert figures["downtime_s"] < 30
    assert figures["operator"]["pages"] == 0


def test_the_age_of_the_answer_is_the_outage() -> None:
    down = {
        name: measured(f"moving_target{name}", "compose")["downtime_s"]
        for name in ("", ":docker_ttl", ":valid", ":pushed")
    }
    assert down[":pushed"] <= down[":valid"] <= down[":pushed"] + 11
    assert down[":valid"] < down[""] / 10
    assert down[":docker_ttl"] <= 630
    assert measured("moving_target", "kubernetes")["availability"] == 1.0
    assert 0.98 < measured("moving_target:headless", "kubernetes")["availability"] < 1.0


@pytest.mark.parametrize(
    ("platform", "command"),
    [
        ("kubernetes", "`kubectl delete pod api-1`"),
        ("cloud_run", "`gcloud run services update api --update-env-vars RESTARTED=now`"),
    ],
)
def test_a_sick_replica_is_replaced_in_the_words_of_its_platform(
    platform: str, command: str
) -> None:
    """`docker restart` was typed everywhere; here the replica leaves and another comes at once."""
    run = replay("sick_container:no_probes", platform)
    typed = next(row for row in run.timeline if command in row.text)
    placed = next(row for row in run.timeline if row.event == "placed" and row.t_s >= typed.t_s)
    assert placed.t_s == typed.t_s
    assert not any("docker restart" in row.text for row in run.timeline)

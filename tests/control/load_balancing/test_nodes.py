"""A cloud's balancer before the servers: what a dead one costs until it is noticed."""

from __future__ import annotations

from dataclasses import replace

import pytest

import sim
from sim.dataplane.codes import Outcome
from sim.dataplane.tables import ARRIVED, FIRST_CAUSE
from sim.schema.fields import InputError
from tests.simulation.runs import same

STACK = {
    "name": "three",
    "services": {
        "web": {"role": "http", "port": 80, "replicas": 3, "concurrency": 64,
                "cpu": {"demand": "2ms"}},
    },
    "servers": {"machine": {"boot": "2m"}},
}  # fmt: skip
SHORT = {
    "scenario.horizon": "6m",
    "scenario.events.0.at": "2m",
    "scenario.events.0.server_crash": {"hosting": "http"},
    "scenario.traffic.points": [],
    "scenario.traffic.rate": "60/s",
    "scenario.traffic.client.retries": 0,
}
CONNECT = FIRST_CAUSE + Outcome.CONNECT_TIMEOUT - Outcome.REFUSED


def ran(platform: str, nodes: object, engine: str = "compiled", **settings: object):
    (run,) = sim.run(
        "server_crash", stack=STACK, platform=platform, engine=engine,
        settings={**SHORT, f"{platform}.load_balancing.nodes": nodes, **settings},
    ).runs  # fmt: skip
    return run


def lost(run, first: int, last: int) -> float:
    """The share of those that came from then to then whose connection nobody answered."""
    rows = run.recording.requests[first:last]
    return float(rows[:, CONNECT].sum() / rows[:, ARRIVED].sum())


def marks(run) -> list[float]:
    return [row.t_s for row in run.timeline if row.event == "balancer"]


def test_a_dead_server_swallows_its_part_until_three_checks_have_failed():
    """One of three servers dies at 120 s and is back at 240 s. Of the connections a third meet it
    at the gate, and of the others a third a replica there, which the Service lists until the node
    is not ready: 5 in 9. The third failed check ends 30 to 40 s after the crash; the third that
    passes begins 20 to 30 s after the boot."""
    run = ran("kubernetes", {})
    down, up = marks(run)
    assert 150.0 <= down <= 160.0
    assert 260.0 <= up <= 270.0
    assert lost(run, 121, 149) == pytest.approx(5 / 9, abs=0.04)
    assert lost(run, int(down) + 1, 240) < lost(ran("kubernetes", None), 121, 149) + 0.04
    assert lost(run, 180, 360) == 0.0
    assert lost(ran("kubernetes", None), 121, 149) == pytest.approx(1 / 3, abs=0.04)


def test_a_zone_that_users_do_not_reach_fails_its_checks_though_it_lives():
    """Two minutes long. A third of the connections come by its server; what comes by the others
    gets to the replica there. The third failed check ends 30 to 40 s after the cut, the third that
    passes begins 20 to 30 s after its end; without a balancer it is a third until the end."""
    apart = {"side": ["b"], "other_side": ["internet"], "lasts": "2m"}
    world = {
        "scenario.events.0.server_crash": None,
        "scenario.events.0.partition": apart,
        "stack.servers.zones": ["a", "b", "c"],
    }
    run = ran("kubernetes", {}, **world)
    down, up = marks(run)
    assert 150.0 <= down <= 160.0
    assert 260.0 <= up <= 270.0
    assert lost(run, 121, 149) == pytest.approx(1 / 3, abs=0.04)
    assert lost(run, int(down) + 1, 360) == 0.0
    assert lost(ran("kubernetes", None, **world), 121, 239) == pytest.approx(1 / 3, abs=0.04)


@pytest.mark.parametrize(("share", "timeout_s", "noticed"), [(0.7, 1.0, True), (0.01, 10.0, False)])
def test_a_check_over_a_lossy_link_can_fail(share, timeout_s, noticed):
    """From 120 to 240 s. Of 70 % lost both ways a connection opens within a second with 9 %; of 1 %
    none takes ten seconds. The kubelets' own checks are on their servers: no replica restarts."""
    loss = {"side": ["b"], "other_side": ["internet"], "lasts": "2m", "share": share}
    world = {
        "scenario.events.0.server_crash": None,
        "scenario.events.0.packet_loss": loss,
        "stack.servers.zones": ["a", "b", "c"],
    }
    run = ran("kubernetes", {"timeout_s": timeout_s}, **world)
    assert bool(marks(run)) is noticed
    if noticed:
        assert 140.0 < marks(run)[0] < 180.0
        assert 260.0 < marks(run)[-1] < 281.0
    assert not [row for row in run.timeline if row.event in ("exit", "unready") and row.t_s > 120.0]


def test_the_balancers_own_times_decide():
    """Google's: each 8 s, three times, after 1 s: from 17 to 25 s."""
    google = {"interval_s": "8s", "timeout_s": "1s", "rise": 1}
    down, up = marks(ran("swarm", google))
    assert 137.0 <= down <= 145.0
    assert 240.0 <= up <= 248.0


LOCAL = {"local": True, "timeout_s": "6s", "fall": 2, "rise": 2}  # the controller's times with it
ROLLOUT = {
    "scenario.events.0.server_crash": None,
    "scenario.events.0.deploy": {"service": "web", "version": {"name": "v2"}},
    "stack.services.web.replicas": 2,
    "kubernetes.autoscaling": None,
}


def test_connections_that_stay_meet_no_replica_on_another_server():
    """A crash: nothing but the gate itself is lost, a third until the second check has failed (16
    to 26 s later) and none afterwards, though the Service lists the dead replica on."""
    run = ran("kubernetes", LOCAL)
    down, _ = marks(run)
    assert 136.0 <= down <= 146.0
    assert lost(run, 121, 135) == pytest.approx(1 / 3, abs=0.05)
    assert lost(run, int(down) + 1, 360) == 0.0


def test_a_rollout_that_moves_replicas_loses_what_comes_by_the_servers_they_left():
    """Two replicas on three servers: the third has none, and is DOWN after its second check. The
    rollout loses percents of what comes in its two minutes; without `local` next to nothing."""
    run = ran("kubernetes", LOCAL, **ROLLOUT)
    assert marks(run)[0] < 30.0
    assert lost(run, 40, 119) == 0.0
    assert 0.01 < lost(run, 120, 240) < 0.3
    assert lost(ran("kubernetes", {}, **ROLLOUT), 120, 240) < 0.005
    assert lost(run, 300, 360) == 0.0


# ---- connections that stay ----
KEPT = {
    "scenario.traffic.client.connections": 60,
    "scenario.traffic.client.connection_on_timeout": "keep",
    "scenario.traffic.client.timeout": "4s",
}
TIMEOUT = FIRST_CAUSE + Outcome.CLIENT_TIMEOUT - Outcome.REFUSED


def hung(run, first: int, last: int) -> float:
    """The share of those that came from then to then that nobody answered in time."""
    rows = run.recording.requests[first:last]
    return float(rows[:, TIMEOUT].sum() / rows[:, ARRIVED].sum())


def test_what_is_open_by_a_dead_server_hangs_until_the_balancer_ends_it():
    """Crash at 120 s; with `local` a connection's gate and replica are of one server, a third of
    them on this one. AWS' balancer resets them with its second failed check; one that leaves them
    alone lets them hang until the server is back at 240 s. Who waits, waits for 4 s."""
    run = ran("kubernetes", LOCAL, **KEPT)
    down, _ = marks(run)
    assert hung(run, 124, 134) == pytest.approx(1 / 3, abs=0.06)
    assert hung(run, int(down) + 5, 360) == 0.0
    run = ran("kubernetes", {**LOCAL, "unhealthy_delay_s": "30s"}, **KEPT)
    assert hung(run, int(down) + 5, int(down) + 29) == pytest.approx(1 / 3, abs=0.06)
    assert hung(run, int(down) + 35, 360) == 0.0
    run = ran("kubernetes", {**LOCAL, "unhealthy_delay_s": "1d"}, **KEPT)
    assert hung(run, int(down) + 5, 239) == pytest.approx(1 / 3, abs=0.04)
    assert hung(run, 246, 360) == 0.0


def test_a_server_that_is_drained_and_taken_out_keeps_what_is_open_for_a_delay():
    """Drained at 120 s and rebooted 30 s later. As `kubectl drain` says nothing to a balancer, a
    third of the connections go by it then, and hang until its checks have failed. Taken out, and
    what is open ended after 20 s, nothing is lost; AWS' default is not to end it, after whatever
    delay: then what was open before goes on, and hangs as well."""
    drain = {"server": 1, "lasts": "30s"}
    drained = {"scenario.events.0.server_crash": None, "scenario.events.0.drain": drain, **KEPT}
    run = ran("kubernetes", {}, **drained)
    down, _ = marks(run)
    assert 181.0 <= down <= 191.0
    assert hung(run, 155, 175) == pytest.approx(1 / 3, abs=0.06)
    assert hung(run, int(down) + 5, 360) == 0.0
    quick = {"cordoned_leave": True, "deregistration_delay_s": "20s"}
    ended = ran("kubernetes", quick | {"connection_termination": True}, **drained)
    assert hung(ended, 100, 360) == 0.0
    run = ran("kubernetes", quick, **drained)
    assert marks(run)[0] == 120.0
    assert hung(run, 100, 140) == 0.0
    assert 0.05 < hung(run, 155, 175) < 0.3
    assert hung(run, int(down) + 5, 360) == 0.0


def test_users_own_round_trips_count_by_the_gate_and_straight_in():
    """40 ms, and 100 ms for two minutes of trouble on the internet's side: a connection of its own
    takes two, a kept one takes one. (With the servers' own 2 ms of work at a low rate.)"""
    slow = {"side": ["internet"], "other_side": ["http"], "round_trip": "100ms", "lasts": "2m"}
    world = {
        "scenario.events.0.server_crash": None,
        "scenario.events.0.latency": slow,
        "stack.network.users": "40ms",
    }
    for nodes, kept, trips in ((None, {}, 2), ({}, {}, 2), ({}, KEPT, 1)):
        run = ran("kubernetes", nodes, **world, **kept)
        took = run.recording.latency_sum / run.recording.requests[:, ARRIVED]
        assert took[60:110].mean() == pytest.approx(trips * 0.04 + 0.002, abs=0.002)
        assert took[130:230].mean() == pytest.approx(trips * 0.1 + 0.002, abs=0.002)
        assert took[250:350].mean() == pytest.approx(trips * 0.04 + 0.002, abs=0.002)


def test_both_engines_tell_the_same():
    for platform, nodes, more in (("nomad", {}, {}), ("kubernetes", LOCAL, KEPT)):
        one, two = (ran(platform, nodes, engine, **more) for engine in ("compiled", "reference"))
        assert one.engine != two.engine
        same(one, replace(two, engine=one.engine))


def test_where_it_cannot_stand():
    for platform in ("ecs_fargate", "cloud_run"):
        with pytest.raises(InputError, match="the unknown name 'nodes'"):
            ran(platform, {})
    service = {"mechanism": "service_balancing", "nodes": {}}
    with pytest.raises(InputError, match=r"its balancer knows the tasks themselves"):
        sim.run("server_crash", platform="ecs_fargate",
                settings={"ecs_fargate.load_balancing": service})  # fmt: skip
    with pytest.raises(InputError, match=r"nodes with local: are for a Service alone"):
        ran("nomad", {"local": True})
    two = {**STACK, "services": {**STACK["services"], "api": {"role": "http"}}, "mix": {"api": 0.5}}
    with pytest.raises(InputError, match=r"users ask web, api, each by a balancer of its own"):
        sim.run("server_crash", stack=two, platform="kubernetes",
                settings={**SHORT, "kubernetes.load_balancing.nodes": {"local": True}})  # fmt: skip

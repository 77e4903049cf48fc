"""Random nights: a few events on the article's stack, traffic that jumps, settings that vary."""

from __future__ import annotations

from random import Random
from typing import Any

from sim.schema.scenario import Event, Scenario

ROLES = ("http", "worker", "postgres", "redis")
SIDES = ("a", "b", "internet", *ROLES)


def _version(dice: Random) -> dict[str, Any]:
    kind = dice.choice(["good", "crashes", "errs", "leaks", "slow"])
    return {
        "good": {},
        "crashes": {"crashes_at_start": True},
        "errs": {"error_rate": 0.5},
        "leaks": {"leak_per_request": 2 * 1024**2},
        "slow": {"cpu_factor": 4.0},
    }[kind]


def draw_event(dice: Random) -> dict[str, Any]:
    role, http = dice.choice(ROLES), dice.choice(["http", "worker"])
    return dice.choice(
        [
            {"operator_kill": {"service": role, "replicas": dice.choice([1, 2])}},
            {"process_crash": {"service": role, "exit_code": dice.choice([0, 1])}},
            {"server_crash": {"hosting": role, "returns": dice.random() < 0.7}},
            {"daemon_restart": {"hosting": role}},
            {"drain": {"hosting": role, "lasts": 20.0, "pause": 5.0}},
            {"hang": {"service": role, "lasts": dice.choice([15.0, None])}},
            {"leak": {"service": http, "per_second": 8 * 1024**2}},
            {"deploy": {"service": http, "version": {"name": "v2", **_version(dice)}}},
            {"scale": {"services": {"http": dice.randint(1, 8)}}},
            {"resize": {"service": http, "cpu": dice.choice([0.1, 2.0])}},
            {"rotate_secret": {"overlap": dice.random() < 0.5}},
            {"raise_connections": {"max_connections": dice.choice([50, 200])}},
            {"zone_down": {"zone": dice.choice(["a", "b"]), "lasts": dice.choice([20.0, None])}},
            {"latency": {"round_trip": dice.choice([0.1, 4.0]), "lasts": 20.0}},
            {"partition": {"side": [dice.choice(SIDES)], "lasts": dice.choice([20.0, None])}},
            {"packet_loss": {"side": [dice.choice(SIDES)], "share": 0.2, "lasts": 20.0}},
            {"mend_network": {"side": dice.choice([[], ["a"]])}},
            {"traffic": {"rate": dice.choice([0.0, 2.5, 40.0])}},
        ]
    )


def draw_settings(dice: Random) -> dict[str, Any]:
    every = {
        "stack.services.http.replicas": dice.randint(1, 4),
        "stack.services.http.database.pool": dice.choice([2, 20, 60]),
        "stack.services.worker.replicas": dice.randint(1, 6),
        "stack.services.worker.job.delivery": "reliable",
        "stack.services.worker.job.redelivery": "20s",
        "stack.services.worker.job.redelivery_from": dice.choice(["silence", "delivery"]),
        "stack.services.worker.job.reconnects": dice.choice([True, False]),
        "stack.services.redis.persistence": dice.choice(["rdb", "aof_everysec"]),
        "stack.services.postgres.max_connections": dice.choice([20, 100]),
        "stack.operator.detect": dice.choice(["5s", "60s"]),
    }
    chosen = {path: value for path, value in every.items() if dice.random() < 0.3}
    chosen["stack.servers.zones"] = ["a", "b"]
    if dice.random() < 0.3:
        standby = {"role": "postgres", "boot": "2s", "follows": {"primary": "postgres"}}
        chosen["stack.services.standby"] = standby
        by = dice.choice(["patroni", "patroni", "managed", None])
        if by is not None:
            fails = dice.choice(["0%", "50%"])
            chosen["stack.services.postgres.failover"] = {"by": by, "fails": fails}
    return chosen


def night(seed: int) -> Scenario:
    """The same for every platform."""
    dice = Random(seed)
    horizon_s = dice.choice([300.0, 420.0])
    rate, peak = dice.uniform(2.0, 6.0), dice.choice([1.0, 1.0, 10.0])
    times = sorted(dice.uniform(20.0, horizon_s - 30.0) for _ in range(dice.randint(1, 4)))
    events = [{"at": t, **draw_event(dice)} for t in times]
    points = [{"at": 0.0, "rate": rate}, {"at": horizon_s / 3, "rate": rate * peak, "ramp": 30.0}]
    settings = draw_settings(dice)
    if "stack.services.standby" in settings and dice.random() < 0.7:
        events.append({"at": horizon_s / 2.0, "failover": {"service": "postgres"}})
    client = {"retries": dice.randint(0, 3), "timeout": dice.choice([1.0, 10.0])}
    if dice.random() < 0.3:
        settings["stack.services.memory"] = {"role": "cache", "restart": "always", "boot": "1s"}
        kinds = ("cache_flush", "process_crash", "hang", "operator_kill")
        events.append({"at": horizon_s / 3.0, dice.choice(kinds): {"service": "memory"}})
    return Scenario(
        name="night",
        title="A random night",
        lesson="none",
        horizon=horizon_s,
        traffic={"points": points, "client": client},
        events=[Event.model_validate(event) for event in events],
        set=settings,
    )

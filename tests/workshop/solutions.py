"""Answers to the challenges: `SOLUTIONS` pass, `NEARLY` do what a student tries first and fail.

Each is a pair of platform and settings, as in the student's file.
"""

from __future__ import annotations

from typing import Any

Answer = tuple[str, dict[str, Any]]
HTTP, WORKER, REDIS = "stack.services.http", "stack.services.worker", "stack.services.redis"
POSTGRES = "stack.services.postgres"
EVERY = (HTTP, WORKER, POSTGRES, REDIS)
QUARTER_GIB = {f"{WORKER}.memory.limit": "256Mi"}
RELIABLE = {f"{WORKER}.job.delivery": "reliable"}
DURABLE = {f"{REDIS}.persistence": "aof_everysec", **RELIABLE}
PROBE = {"period": "5s"}

SOLUTIONS: dict[int, list[Answer]] = {
    1: [("compose", {f"{each}.restart": "always" for each in EVERY})],
    2: [("kubernetes", {f"{HTTP}.stop.pre_stop": "5s"})],
    3: [
        ("kubernetes", {f"{HTTP}.scaling.min": 8}),
        ("compose_hardened", {"stack.servers.count": 3, f"{HTTP}.replicas": 9}),
    ],
    4: [("kubernetes", {f"{HTTP}.cpu.request": "250m"})],
    5: [("kubernetes", {f"{HTTP}.probes.readiness": PROBE, f"{HTTP}.probes.liveness": PROBE})],
    6: [
        ("kubernetes", {f"{HTTP}.probes.liveness.deep": False}),
        ("kubernetes", {f"{HTTP}.probes.liveness.failure": 10}),
    ],
    7: [("kubernetes", {f"{POSTGRES}.pooler": {"size": 40}, f"{HTTP}.database.pool": 40})],
    8: [
        (
            "compose",
            {**DURABLE, f"{REDIS}.restart": "always", f"{WORKER}.restart": "always"},
        ),
        ("kubernetes", DURABLE),
    ],
    9: [
        ("kubernetes", {"kubernetes.rolling_updates": "canary"}),
        (
            "kubernetes",
            {
                "kubernetes.rollback": {
                    "mechanism": "auto_rollback",
                    "analysis": {"interval_s": "10s"},
                }
            },
        ),
    ],
    10: [
        ("kubernetes", {f"{HTTP}.disruption.max_unavailable": 1}),
        ("kubernetes", {"kubernetes.scheduling.bin_pack": False}),
    ],
    11: [("compose", {**QUARTER_GIB, **RELIABLE, f"{WORKER}.restart": "always"})],
    12: [
        (
            "compose",
            {f"{HTTP}.shed": True, f"{HTTP}.backlog": 4, f"{HTTP}.concurrency": 8},
        )
    ],
}

NEARLY: dict[int, list[Answer]] = {
    1: [
        ("compose", {f"{HTTP}.healthcheck": {"interval": "10s", "timeout": "1s"}}),
        ("compose", {f"{HTTP}.restart": "always"}),
        ("compose", {f"{each}.restart": "on-failure" for each in EVERY}),
    ],
    2: [("kubernetes", {}), ("compose_hardened", {}), ("compose", {f"{HTTP}.stop.pre_stop": "5s"})],
    3: [
        ("kubernetes", {}),
        ("kubernetes", {f"{HTTP}.replicas": 8}),
        ("kubernetes", {f"{HTTP}.scaling.min": 20}),  # all that one may have
    ],
    4: [
        ("kubernetes", {f"{HTTP}.scaling.max": 30}),
        ("kubernetes", {f"{HTTP}.cpu.request": "1"}),
        ("kubernetes", {f"{HTTP}.scaling.cpu": 0.1}),  # at three times the price
    ],
    5: [
        ("kubernetes", {f"{HTTP}.probes.readiness": PROBE}),
        ("kubernetes", {f"{HTTP}.probes.liveness": PROBE}),
    ],
    6: [("kubernetes", {f"{HTTP}.probes.liveness.period": "5s"})],
    7: [
        ("kubernetes", {f"{POSTGRES}.pooler": {"size": 90}}),
        ("kubernetes", {f"{HTTP}.database.pool": 4, f"{WORKER}.database.pool": 4}),
    ],
    8: [("kubernetes", {}), ("compose", DURABLE)],
    9: [
        ("kubernetes", {"kubernetes.rolling_updates": "blue_green"}),
        (
            "kubernetes",
            {
                "kubernetes.rollback": {
                    "mechanism": "auto_rollback",
                    "analysis": {"interval_s": "1m"},
                }
            },
        ),
    ],
    10: [("kubernetes", {f"{HTTP}.replicas": 6, f"{HTTP}.scaling.min": 6})],
    11: [("compose", QUARTER_GIB), ("compose", {f"{POSTGRES}.restart": "always"})],
    12: [
        ("compose", {f"{HTTP}.shed": True}),
        ("compose", {f"{HTTP}.cancel_abandoned": True}),
        # with the visitors of two seeds of three
        ("compose", {f"{HTTP}.shed": True, f"{HTTP}.backlog": 8, f"{HTTP}.concurrency": 16}),
    ],
}

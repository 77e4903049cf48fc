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
READY, ALIVE = f"{HTTP}.probes.readiness", f"{HTTP}.probes.liveness"
APART = {"kubernetes.scheduling.bin_pack": False}
IN_TURN = {f"{HTTP}.disruption.max_unavailable": 1}
GENTLE = {f"{READY}.period": "5s", f"{HTTP}.stop.pre_stop": "8s"}
MORE = {f"{HTTP}.replicas": 6, f"{HTTP}.scaling.min": 6}
PATIENT = {f"{WORKER}.job.max_stalled": 4}
AGAIN = {f"{WORKER}.restart": "always"}

QUICK = {"mechanism": "auto_rollback", "analysis": {"interval_s": "10s"}}

SOLUTIONS: dict[int, list[Answer]] = {
    1: [("compose", {f"{each}.restart": "always" for each in EVERY})],
    2: [("kubernetes", {**GENTLE, f"{HTTP}.stop.grace": "15s"})],
    3: [
        ("kubernetes", {f"{HTTP}.scaling.min": 8, f"{HTTP}.scaling.max": 14}),
        ("compose_hardened", {"stack.servers.count": 3, f"{HTTP}.replicas": 9}),
    ],
    4: [("kubernetes", {f"{HTTP}.cpu.request": "250m", f"{HTTP}.scaling.max": 12})],
    5: [
        ("kubernetes", {f"{READY}.period": "1s", f"{ALIVE}.period": "5s"}),
        ("kubernetes", {f"{READY}.period": "1s", f"{ALIVE}.period": "1s", f"{ALIVE}.failure": 10}),
    ],
    6: [
        ("kubernetes", {f"{ALIVE}.deep": False, f"{READY}.period": "1s"}),
        ("kubernetes", {f"{ALIVE}.failure": 10, f"{READY}.period": "1s"}),
    ],
    7: [("kubernetes", {f"{POSTGRES}.pooler.size": 20, f"{HTTP}.database.pool": 40})],
    8: [
        (
            "compose",
            {**DURABLE, **AGAIN, f"{REDIS}.restart": "always"},
        ),
        ("kubernetes", DURABLE),
    ],
    9: [
        ("kubernetes", {"kubernetes.rolling_updates": "canary", "kubernetes.rollback": QUICK}),
    ],
    10: [
        ("kubernetes", {**GENTLE, **IN_TURN, **MORE}),
        ("kubernetes", {**GENTLE, **APART, **MORE}),
    ],
    11: [("compose", {**QUARTER_GIB, **RELIABLE, **AGAIN, **PATIENT})],
    12: [
        (
            "compose",
            {f"{HTTP}.shed": True, f"{HTTP}.backlog": 4, f"{HTTP}.concurrency": 8},
        )
    ],
}

NEARLY: dict[int, list[Answer]] = {
    1: [
        ("compose", {f"{HTTP}.healthcheck.interval": "10s"}),
        ("compose", {f"{HTTP}.restart": "always"}),
        ("compose", {f"{each}.restart": "on-failure" for each in EVERY}),
    ],
    2: [
        ("compose_hardened", {f"{HTTP}.stop.grace": "15s"}),
        ("kubernetes", {f"{HTTP}.stop.pre_stop": "8s", f"{HTTP}.stop.grace": "15s"}),
        ("kubernetes", {f"{READY}.period": "5s", f"{HTTP}.replicas": 6}),
    ],
    3: [
        ("kubernetes", {}),
        ("kubernetes", {f"{HTTP}.scaling.min": 8}),  # with servers that nobody needs
        ("kubernetes", {f"{HTTP}.scaling.min": 20}),  # all that one may have
    ],
    4: [
        ("kubernetes", {f"{HTTP}.scaling.max": 30}),
        ("kubernetes", {f"{HTTP}.cpu.request": "250m"}),
        ("kubernetes", {f"{HTTP}.cpu.request": "1"}),
        ("kubernetes", {f"{HTTP}.scaling.cpu": 0.1}),  # at three times the price
    ],
    5: [
        ("kubernetes", {f"{READY}.period": "1s"}),
        ("kubernetes", {f"{ALIVE}.period": "5s"}),
        ("kubernetes", {f"{READY}.period": "5s", f"{ALIVE}.period": "5s"}),
        ("kubernetes", {f"{READY}.period": "1s", f"{ALIVE}.period": "1s"}),  # kills who is well
    ],
    6: [
        ("kubernetes", {f"{ALIVE}.deep": False}),
        ("kubernetes", {f"{ALIVE}.deep": False, f"{READY}.period": "5s"}),
        ("kubernetes", {f"{ALIVE}.period": "1s", f"{READY}.period": "1s"}),
    ],
    7: [
        ("kubernetes", {f"{POSTGRES}.pooler.size": 95, f"{HTTP}.database.pool": 40}),
        ("kubernetes", {f"{POSTGRES}.pooler.size": 20}),
        ("kubernetes", {f"{HTTP}.database.pool": 4, f"{WORKER}.database.pool": 4}),
    ],
    8: [
        ("kubernetes", {}),
        ("compose", DURABLE),
        ("kubernetes", {**RELIABLE, f"{REDIS}.persistence": "rdb"}),
        ("kubernetes", {**DURABLE, f"{REDIS}.maxmemory": "1Mi"}),
    ],
    9: [
        ("kubernetes", {"kubernetes.rolling_updates": "canary"}),
        ("kubernetes", {"kubernetes.rollback": QUICK}),
        ("kubernetes", {"kubernetes.rolling_updates": "blue_green", "kubernetes.rollback": QUICK}),
    ],
    10: [
        ("kubernetes", {**GENTLE, **MORE}),
        ("kubernetes", {**IN_TURN, **APART, **MORE}),
        ("kubernetes", {**GENTLE, **IN_TURN, **APART}),
    ],
    11: [
        ("compose", {**QUARTER_GIB, **RELIABLE, **AGAIN}),
        ("compose", {**RELIABLE, **AGAIN, **PATIENT, f"{WORKER}.memory.limit": "1Gi"}),
    ],
    12: [
        ("compose", {f"{HTTP}.shed": True}),
        ("compose", {f"{HTTP}.cancel_abandoned": True}),
        # with the visitors of two seeds of three
        ("compose", {f"{HTTP}.shed": True, f"{HTTP}.backlog": 8, f"{HTTP}.concurrency": 16}),
    ],
}

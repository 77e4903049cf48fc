"""The enums of dataplane/codes.py as plain integers, which numba freezes into the machine code.

An enum would be a type of its own to it, and a function would be compiled anew for each. That each
name has its enum's value is held by tests/dataplane/test_fields.py.
"""

from __future__ import annotations

from enum import IntEnum

from sim.dataplane import codes


def plain(enum: type[IntEnum]) -> tuple[int, ...]:
    return tuple(member.value for member in enum)


HTTP, WORKER, DATABASE, QUEUE, PROXY, PLAIN, CACHE = plain(codes.Kind)
(
    DO_CPU, DO_WAIT, DO_QUERY, DO_PUSH, DO_FAIL, DO_POISON, DO_CALL, DO_CACHE, DO_FILL,
    DO_TOGETHER, DO_END,
) = plain(codes.Does)  # fmt: skip
CONSTANT, EXPONENTIAL, LOGNORMAL, UNIFORM = plain(codes.LawKind)
NONE, RDB, AOF_EVERYSEC, AOF_ALWAYS = plain(codes.Persistence)
FIRST, RANDOM, ROUND_ROBIN, LEAST_CONNECTIONS = plain(codes.Algorithm)
(
    IN_FLIGHT, SUCCEEDED, REFUSED, NO_BACKEND, CONNECT_TIMEOUT, CLIENT_TIMEOUT, HTTP_500,
    DB_REFUSED, POOL_TIMEOUT, DROPPED_ON_KILL, OOM, SHED,
) = plain(codes.Outcome)  # fmt: skip
LEAVES_NOTHING = tuple(int(outcome) for outcome in codes.LEAVES_NOTHING)
(
    REDIS_WIPED, REDIS_DOWN, WORKER_KILLED, QUEUE_FULL, EVICTED, ATTEMPTS_EXHAUSTED, STALLED,
    NOT_REPLICATED,
) = plain(codes.JobLoss)  # fmt: skip
(
    NOTE_LISTENING, NOTE_START_REFUSED, NOTE_DRAINED, NOTE_OOM, NOTE_SERVER_OOM, NOTE_POISONED,
    NOTE_PROBE_OK, NOTE_PROBE_FAILED, NOTE_OUTLIER, NOTE_NONE_LISTED,
    NOTE_HANDED_BACK, NOTE_SHORT,
) = plain(codes.Note)  # fmt: skip
NO, HOP, TREE = plain(codes.Cancel)
CLOSED, TRIPPED, HALF_OPEN = plain(codes.BreakerState)
EXITED, STARTING, LISTENING, DRAINING, DRAINED = plain(codes.Life)
(
    NOWHERE, CONNECTING, RESENDING, PAUSING, TRAVELLING, ANSWERING, HELD, QUEUEING, INSIDE,
    WAITING,
) = plain(codes.AttemptPhase)  # fmt: skip
(
    COMPLETION, ARRIVAL, RETRY, DIAL, OPEN, CHECKOUT, PATIENCE, JOB_BACK, GHOST, PASSED, ROUND,
) = plain(codes.Due)  # fmt: skip
(
    DRAW_ARRIVAL, DRAW_CPU, DRAW_QUERY, DRAW_PUSH, DRAW_ERROR, DRAW_ROUTE, DRAW_BACKOFF,
    DRAW_JOB_CPU, DRAW_JOB_QUERY, DRAW_POISON, DRAW_LOCK, DRAW_CONNECTION,
    DRAW_WARM, DRAW_MIX, DRAW_TRIP, DRAW_GATE, DRAW_THINK, DRAW_LOSS,
) = plain(codes.Stream)  # fmt: skip

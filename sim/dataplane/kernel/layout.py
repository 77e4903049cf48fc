"""The world as one numpy record: every array of the engine is a field of it.

One record is one pointer to the compiled code (arrays passed one by one cost twice the time), and
one type, so that the kernel compiles once. Its arrays are wide enough for large worlds; pages that
nobody touches are never allocated, and places are recycled, so that memory stays flat. A world
that is wider still grows into the next size (`grown`), at the price of one more compilation.

Indices: s = work (an attempt, a job in a worker, a probe), r = request, c = container,
v = server, p = profile, j = job. -1 means none. A node of a linked list is 2*s for the list that
says where a work stands (inside, backlog, balancer's queue), 2*s+1 for the one that says what it
waits for (queries that run, waiting for a connection or the pooler).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

WORKS, CONTAINERS, PROFILES = 1 << 20, 1 << 12, 1 << 10
NOTES, OUTS, CHUNK, GHOSTS = 1 << 16, 1 << 16, 1 << 14, 1 << 12
BLOCK = 16  # stations whose earliest completion is kept together

# kinds of work, and what a work waits for (the stretch that follows)
REQUEST, JOB, PROBE = 0, 1, 2
CPU_DONE, QUERY_DONE, THAWED, CHECKED_OUT, POOLER_SERVED, PUSH_FAILED = range(6)
# lives of a container, phases of an attempt, states of a job: as in reference/
EXITED, STARTING, LISTENING, DRAINING, DRAINED = range(5)
NOWHERE, CONNECTING, RESENDING, PAUSING, QUEUEING, INSIDE = range(6)
FREE, QUEUED, PARKED, WORKING, TAKEN = range(5)
# lists: three of the world, then three per container
BALANCER_QUEUE, QUERIES, POOLER_QUEUE, FIRST_LIST = 0, 1, 2, 3
IN_SLOTS, IN_BACKLOG, IN_POOL = 0, 1, 2
# what goes to the counters: one entry of the out ring each
OUT_ARRIVED, OUT_REFUSED, OUT_JOB = 0, 50, 100  # outcomes are their own codes 1..11
RecordFields = list[tuple[str, type]]
F, I = np.float64, np.int64

# ---- one of each ----
WORK: RecordFields = [
    ("wid", I), ("kind", I), ("stage", I), ("code", I), ("at", I), ("finish", F), ("child", I),
    ("sibling", I), ("timer_at", F), ("demand", F), ("fresh", I), ("waiting", I), ("opening", I),
    ("in_session", I), ("pooled", I),
    # of an attempt
    ("of_request", I), ("phase", I), ("abandoned", I), ("dial_at", F), ("dial_until", F),
    ("dials", I), ("target", I), ("push", I), ("replied", I), ("number", I),
    ("deep", I),  # of a probe
    ("of_job", I),  # of a job
]  # fmt: skip
REQUESTS: RecordFields = [("id", I), ("arrived", F), ("work", I), ("number", I)]
JOBS: RecordFields = [
    ("id", I), ("state", I), ("tries", I), ("copy", I), ("sequence", I), ("park_at", F),
    ("epoch", I), ("next", I),
]  # fmt: skip
CONTAINER: RecordFields = [
    ("profile", I), ("server", I), ("life", I), ("hung", I), ("held", I), ("queued", I),
    ("memory", I), ("extra", I), ("noted", I), ("open_at", F), ("served", I), ("errors", I),
    ("published", I), ("pool_open", I), ("pool_idle", I), ("pool_opening", I),
    # its station
    ("n", I), ("rate", F), ("virtual", F), ("since", F), ("busy", F), ("root", I), ("cap", F),
    ("weight", F), ("frozen", I), ("capped", I), ("touched", I), ("neighbour", I),
]  # fmt: skip
MACHINE: RecordFields = [
    ("cores", F), ("capacity", I), ("alive", I), ("powered", F), ("up_since", F), ("memory", I),
    ("noted", I), ("first", I), ("touched", I), ("running", I), ("binding", I), ("plain", I),
]  # fmt: skip
VERSION: RecordFields = [  # a Profile of interface.py
    ("kind", I), ("slots", I), ("backlog", I), ("shed", I), ("cancel", I), ("cpu_law", I),
    ("cpu_mean", F), ("cpu_cv", F), ("cpu_limit", F), ("cpu_weight", F), ("probe_cpu", F),
    ("memory_base", I), ("memory_per_request", I), ("memory_limit", I), ("leak", I),
    ("error_rate", F), ("poison_rate", F),
    ("query_law", I), ("query_mean", F), ("query_cv", F), ("pool", I), ("pool_at_start", I),
    ("checkout_timeout", F), ("push_rate", F), ("push_timeout", F),
    ("reliable", I), ("redelivery", F), ("job_attempts", I), ("job_backoff", F),
    ("connection_slots", I), ("connect_cpu", F), ("connect", F), ("cost_growth", F),
    ("keepalive", F), ("pooler_size", I), ("pooler_clients", I), ("pooler_wait", F),
    ("persistence", I), ("queue_bytes", I), ("evict", I), ("job_bytes", I),
]  # fmt: skip
TIMER: RecordFields = [("t", F), ("id", I), ("at", I)]
HEAPED: RecordFields = [("t", F), ("key", I), ("at", I)]  # key: kind << 48 + id

# ---- the world ----
WORLD: RecordFields = [
    ("now", F), ("lattice", F), ("slo", F), ("works", I), ("ring_mask", I),
    # clients and routing
    ("timeout", F), ("connect_timeout", F), ("retries", I), ("backoff", F), ("backoff_factor", F),
    ("backoff_cap", F), ("jitter", F), ("budget", F), ("most_tokens", F), ("tokens", F),
    ("algorithm", I), ("dial_timeout", F), ("dial_retries", I), ("dial_pause", F),
    ("redispatch", I), ("retry_errors", I), ("maxconn", I), ("queue_timeout", F), ("turn", I),
    ("via", I), ("backends", I), ("arrival", I), ("arrivals", I), ("request", I),
    ("successes", I), ("failures", I), ("retried", I),
    # postgres
    ("db", I), ("session", I), ("used", I), ("peak", I), ("granted", I), ("closed", I),
    ("exhausted", F), ("full_since", F), ("ghosts", I), ("waits", I), ("clients", I),
    ("servers_open", I), ("servers_idle", I), ("refusals", I),
    # jobs
    ("redis", I), ("sequence", I), ("epoch", I), ("backlog_peak", I), ("workers", I),
    ("worker_turn", I), ("idle", I), ("pushing", I), ("copies_made", I), ("copies_waiting", I),
    ("copies_working", I), ("entries", I), ("parked", I), ("saved", F), ("saved_sequence", I),
    ("changes", I), ("q_head", I), ("q_tail", I), ("t_head", I), ("t_tail", I),
    # places
    ("work_top", I), ("work_free", I), ("work_used", I), ("request_top", I), ("request_free", I),
    ("job_top", I), ("job_free", I), ("jobs_used", I), ("containers", I), ("servers", I),
    # timing
    ("heap_n", I), ("agenda_head", I), ("agenda_tail", I), ("outs", I), ("notes", I),
    ("touched_stations", I), ("touched_servers", I), ("dirty_blocks", I), ("probes", I),
]  # fmt: skip


def fields(works: int, containers: int) -> list[tuple[Any, ...]]:
    """The world's own fields, then its tables with their lengths."""
    w, c = works, containers
    tables: list[tuple[Any, ...]] = [
        ("key", np.uint64, (256,)),  # of each stream of draws
        ("arrival_at", F, (CHUNK + 1,)),
        ("backend", I, (c,)),
        ("work", np.dtype(WORK, align=True), (w,)),
        ("request_", np.dtype(REQUESTS, align=True), (w,)),
        ("job", np.dtype(JOBS, align=True), (w,)),
        ("container", np.dtype(CONTAINER, align=True), (c,)),
        ("machine", np.dtype(MACHINE, align=True), (c,)),
        ("version", np.dtype(VERSION, align=True), (PROFILES,)),
        ("worker", I, (c,)),
        # lists
        ("next", I, (2 * w,)), ("prev", I, (2 * w,)),
        ("head", I, (FIRST_LIST + 3 * c,)), ("tail", I, (FIRST_LIST + 3 * c,)),
        # stations: when the next completion is due, and the least of each block
        ("due", F, (c,)), ("block_due", F, (c // BLOCK + 1,)), ("block_dirty", I, (c,)),
        ("dirty", I, (c,)), ("touched_station", I, (c,)), ("touched_server", I, (c,)),
        ("share_n", I, (c,)), ("share_cap", F, (c,)), ("share_weight", F, (c,)),
        ("share_rate", F, (c,)), ("share_of", I, (c,)),
        ("ghost", np.dtype([("number", I), ("n", I)]), (GHOSTS,)),
        # timers: a heap, and three rings of constant delays (each in order of time)
        ("heap", np.dtype(HEAPED), (4 * w,)), ("ring", np.dtype(TIMER), (3, 4 * w)),
        ("ring_head", I, (3,)), ("ring_tail", I, (3,)),
        # what follows at once, what is told, what is counted
        ("agenda", np.dtype([("at", I), ("code", I)]), (w,)),
        ("told", np.dtype([("kind", I), ("id", I)]), (NOTES,)),
        ("out", np.dtype([("kind", I), ("t", F), ("latency", F), ("id", I)]), (OUTS,)),
    ]  # fmt: skip
    return [*WORLD, *tables]


def world(works: int = WORKS, containers: int = CONTAINERS) -> NDArray[np.void]:
    """An empty world: one record in an array (an array dispatches faster than a record)."""
    box = np.zeros(1, np.dtype(fields(works, containers), align=True))
    w = box[0]
    for name in (
        "via", "db", "redis", "q_head", "q_tail", "t_head", "t_tail", "work_free",
        "request_free", "job_free",
    ):  # fmt: skip
        w[name] = -1
    w["head"][:] = w["tail"][:] = -1
    w["machine"]["first"][:] = -1
    w["container"]["neighbour"][:] = w["container"]["root"][:] = -1
    w["due"][:] = w["block_due"][:] = w["container"]["open_at"][:] = np.inf
    w["full_since"] = np.inf
    w["works"], w["ring_mask"] = works, 4 * works - 1
    return box


def grown(box: NDArray[np.void], works: int, containers: int) -> NDArray[np.void]:
    """The same world with more places. Rings start anew at 0, in order; indices stay valid."""
    new = world(works, containers)
    old, w = box[0], new[0]
    for name in box.dtype.names or ():
        if name in ("works", "ring_mask", "ring"):
            continue
        if box.dtype[name].shape:
            w[name][: len(old[name])] = old[name]
        else:
            w[name] = old[name]
    for ring in range(3):
        head, tail = int(old["ring_head"][ring]), int(old["ring_tail"][ring])
        at = np.arange(head, tail) & int(old["ring_mask"])
        w["ring"][ring, : tail - head] = old["ring"][ring, at]
        w["ring_head"][ring], w["ring_tail"][ring] = 0, tail - head
    return new

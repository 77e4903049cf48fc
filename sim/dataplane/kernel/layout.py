"""All state as one numpy record, `w` in the kernel: every array of the engine is a field of it.

One record is one pointer to the compiled code (arrays passed one by one cost twice the time), and
one type, so that the kernel compiles once. Its arrays are wide enough for large worlds; pages that
nobody touches are never allocated, and places are recycled, so that memory stays flat. A world
that is wider still grows into the next size (`grown`), at the price of one more compilation.

Indices: s = work (an attempt, a job in a worker, a probe), r = request, c = container,
v = server, p = profile, j = job, b = balancer, d = database, q = queue. -1 means none. A node of
a linked list is 2*s for the list that says where a work stands (inside, backlog, balancer's queue,
under way, dialling), 2*s+1 for the one that says what it waits for (queries that run, a connection,
its dial, the pooler).
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Callable, Iterator
from functools import cache
from operator import attrgetter
from typing import Any, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from sim.dataplane.codes import (
    MOST_CACHES,
    MOST_CALLS,
    MOST_DATABASES,
    MOST_KEPT,
    MOST_KEPT_BY_USERS,
    MOST_KEYS,
    MOST_POOLS,
    MOST_QUEUES,
    MOST_SEGMENTS,
    MOST_SERVICES,
    MOST_UNUSED,
    MOST_USERS,
    MOST_WAYS,
    MOST_WINDOW,
    Outcome,
    StandingPlace,
)
from sim.dataplane.profile import (
    BreakerRules,
    CacheRules,
    Client,
    Law,
    PoolRules,
    Profile,
    Routing,
    Stay,
    StoryStep,
    Workload,
)
from sim.dataplane.tables import JOB_COLUMNS, CacheGauge, CallGauge, ContainerGauge, PlaneGauge

WORKS, CONTAINERS, PROFILES, POLICIES = 1 << 20, 1 << 12, 1 << 10, 1 << 12
ROOM = 1 << 15  # places that are free whenever a timed event begins
NOTES, OUTS, CHUNK, GHOSTS, RING = 1 << 16, 1 << 16, 1 << 14, 1 << 12, 1 << 18
SAMPLES = 1 << 10  # that are fetched at once
RINGS = 16  # of timers with constant delays; what finds no ring goes to the heap
BLOCK = 16  # stations whose earliest completion is kept together

# kinds of work, and what a work waits for (the stretch that follows)
REQUEST, JOB, PROBE, BRANCH, LINE = range(5)  # ... a line of those who wait: kernel/lines.py
(
    CPU_DONE, QUERY_DONE, THAWED, CHECKED_OUT, HANDLED, POOLER_SERVED, PUSH_FAILED, BEGUN,
    PASSED_BY, HEARD, HEARD_AGAIN, UNLOCKED, TRAVELLED, TOGETHER, RETURNED, TOLD, AT_STORE,
    FROM_STORE, STRANDED,
) = range(19)  # fmt: skip
WAITED_FOR = (PASSED_BY, TOLD, AT_STORE, FROM_STORE)  # for a time, and for nothing else
# where a client stands: it waits for an answer, which is on the agenda, which it has noticed (or
# will, when it no longer hangs); it pauses; it died while its answer was on the agenda
ASKING, ANSWERED, NOTICED, PAUSED, GONE = range(5)
# places for the steps of a story, then for those of health checks; an END ends each
STEPS, SHALLOW, DEEP = 32, 26, 28
# of a place in line: it waits; its user has left; it stands nowhere, and is told of nothing
WAITS_IN_LINE, LEFT_LINE, LOST = range(3)
# states of a job
FREE, QUEUED, PARKED, WORKING, TAKEN, HELD = range(6)
NOBODY = -2  # plays a queue that somebody has played
INTACT = -1  # a queue that has lost nothing since it was last there
# lists: two of the whole plane, one per balancer, six per database, one per service that users
# ask, then those of each container
UNDER_WAY, PROBE_DIALS, BALANCER_QUEUE = range(3)
DATABASE_LIST = BALANCER_QUEUE + MOST_SERVICES
QUERIES, POOLER_QUEUE, DB_DIALS, POOLER_TURNS, LOCKED, UNHEARD = range(6)
USERS_WAIT = DATABASE_LIST + 6 * MOST_DATABASES
FIRST_LIST, LISTS = USERS_WAIT + MOST_CALLS, 2 + MOST_POOLS + MOST_CALLS
IN_SLOTS, IN_BACKLOG, IN_POOL = 0, 1, 2  # and a list for each pool
FIRST_WAIT = 2 + MOST_POOLS  # ... and of who waits for a connection of each calling step
# what goes to the counters: one entry of the out ring each
OUT_ARRIVED, OUT_REFUSED, OUT_JOB = 0, 50, 100  # outcomes are their own codes 1..11
RecordFields = list[tuple[str, type]]
F, N, KEY = np.float64, np.int64, np.uint64  # a number with a fraction, one without, of draws
# ... one that stays below 2^31, one below 2^15, and a code
HALF, QUARTER, BYTE = np.int32, np.int16, np.int8
NARROW, FEW = (1 << 15) - 1, (1 << 7) - 1  # the most of these two
NESTED = (Law, CacheRules, BreakerRules)  # their columns stand among those of who holds them
LINES, LINE_FROM = 1 << 22, 64  # places in line; before a process with so many waiting
JOBS_PER_WORK = 4  # places of jobs: they wait without a work
CLIENTS_PER_WORK = 4  # all in line may be told of one death
TIMERS_PER_WORK = 4  # of the heap: a timer is never taken out
AGENDA_PER_WORK = 4  # each work and each client may have one wake-up, beside those that are done


def columns(declaration: type, prefix: str = "") -> RecordFields:
    """The columns of a record of numbers, flags and enums, and of those nested in it."""
    return [(f"{prefix}{path.replace('.', '_')}", kind) for path, kind in _numbers(declaration)]


def values(record: Any, prefix: str = "") -> Iterator[tuple[str, float]]:
    """(column, value) of a record of such a declaration."""
    declaration: Any = type(record)
    names, read = _reader(declaration, prefix)
    return zip(names, read(record), strict=True)


@cache
def _reader(declaration: type, prefix: str) -> tuple[list[str], Callable[[Any], Any]]:
    """The names of its columns, and what reads all of them at once."""
    paths = [path for path, _ in _numbers(declaration)]
    return [name for name, _ in columns(declaration, prefix)], attrgetter(*paths)


def _numbers(declaration: type, above: str = "") -> Iterator[tuple[str, type]]:
    """(path, type) of what has a column. Names, and what has a table of its own, have none."""
    for name, kind in get_type_hints(declaration).items():
        if kind in (str, Client) or get_origin(kind) is tuple:
            continue
        if kind in NESTED:
            yield from _numbers(kind, f"{above}{name}.")
        elif kind is float:
            yield f"{above}{name}", F
        elif isinstance(kind, type) and issubclass(kind, int):
            yield f"{above}{name}", N
        else:
            raise TypeError(f"{declaration.__name__}.{name}: the kernel has no column for a {kind}")


# ---- one of each ----
WORK: RecordFields = [
    ("id", N), ("visit", N), ("tried", N),
    ("finish", F), ("timer_at", F), ("demand", F),
    ("until", F),  # then nobody waits for it any more: its client, or the queue for its job
    ("step", HALF),  # the next one
    ("at", HALF), ("child", HALF), ("sibling", HALF), ("in_session", HALF),
    # of few values
    ("kind", BYTE), ("stage", BYTE), ("code", BYTE), ("fresh", BYTE), ("waiting", BYTE),
    ("opening", BYTE), ("pooled", BYTE), ("phase", BYTE), ("abandoned", BYTE), ("push", BYTE),
    ("replied", BYTE), ("database", BYTE), ("pool", BYTE),
    ("deep", BYTE),  # of a probe
    ("cut", BYTE), ("leased", BYTE),  # ... it waits for who is out for its key
    # of an attempt
    ("of_request", HALF), ("dial_at", F), ("dial_until", F),
    ("dials", HALF), ("target", HALF), ("balancer", HALF), ("policy", HALF),
    ("kept", HALF), ("via", HALF), ("gate", HALF),  # a server, by which it came in
    ("asks", HALF),  # a client of it waits
    ("of_job", HALF),  # of a job
    # which steps side by side it waits for (0: none), or is one of: of the work `parent`; whose
    # first is `branch`, which has the next as its own, in order
    ("together", N), ("parent", HALF), ("branch", HALF),
    ("sent", HALF), ("losses", HALF),  # packets that may be lost; those that were, in a row
]  # fmt: skip
REQUESTS: RecordFields = [  # a client: of a user, or of the work `parent` that calls a service
    ("id", N), ("arrived", F), ("work", HALF), ("parent", HALF), ("policy", HALF), ("retry", HALF),
    ("state", HALF), ("life", HALF),
]  # fmt: skip
PLACE: RecordFields = [  # 48 bytes: of an attempt and its client, while it stands in line
    ("id", N), ("arrived", F), ("until", F), ("next", HALF), ("earlier", HALF), ("later", HALF),
    ("at", QUARTER), ("gate", QUARTER), ("via", QUARTER), ("life", QUARTER), ("dials", BYTE),
    ("state", BYTE),  # WAITS and those beside it
    ("listed", BYTE),  # is its patience among those of its time-out, and not in the heap?
    ("cut", BYTE),  # no answer reaches its user; 2: nor does its process still have it connected
]  # fmt: skip
# first those of users, one an endpoint; then of each calling step of a profile, its `slot`-th
POLICY = [
    *columns(Client), ("most_tokens", F), ("service", N), ("slot", N), ("ring", N), ("salt", KEY),
    ("endpoint", N), ("ages", N),  # has a connection that stays an age or an idle time?
]  # fmt: skip
STORE: RecordFields = [  # a database; `db`: the container that plays it
    ("db", N), ("session", N), ("used", N), ("peak", N), ("granted", N), ("closed", N),
    ("exhausted", F), ("full_since", F), ("waits", N), ("clients", N), ("servers_open", N),
    ("servers_idle", N), ("refusals", N), ("pooler_free", F),
    ("gone", N),  # a container to which stranded connections lead
]  # fmt: skip
QUEUE: RecordFields = [  # `redis`: the container that plays it; NOBODY any more, or -1: ever
    ("redis", N), ("sequence", N), ("epoch", N), ("backlog_peak", N), ("turn", N), ("idle", N),
    ("pushing", N), ("copies_waiting", N), ("copies_working", N), ("entries", N), ("parked", N),
    ("saved", F), ("saved_sequence", N), ("changes", N), ("head", N), ("tail", N),
    ("taken_head", N), ("taken_tail", N), ("scheduled", N),
    ("fallen", N),  # it crashed: its persistence; INTACT: what it lost is decided
    ("unsent_head", N), ("unsent_tail", N), ("first_copy", N), ("last_copy", N),
    ("other", N), ("parted", N),  # that segments take for it: a bit for each of them
]  # fmt: skip
CACHE_ROW: RecordFields = [  # `server`: the container that plays it; least recently used first
    ("server", N), ("entries", N), ("first", N), ("last", N), ("begun", N),
    *columns(CacheGauge),
]  # fmt: skip
KEY_ROW: RecordFields = [("until", F), ("lease", F), ("before", HALF), ("after", HALF), ("held", N)]
POOL: RecordFields = [("open", N), ("idle", N), ("opening", N), ("stranded", N), ("silent", N)]
PURSE: RecordFields = [  # of who asks under a policy: see Caller of the reference
    ("tokens", F), ("tries", N), ("open_until", F), ("life", HALF), ("state", HALF), ("left", HALF),
    ("seen", HALF), ("failed", HALF), ("next", HALF),
    ("first_kept", N), ("kept", N), ("unused", N), ("used", N),
]  # fmt: skip
# a connection that a client keeps, looked at for each try, so that a thousand fit the cache;
# `target` -1: it is closed. And what is asked seldom: `used` where it `ages`, `silent` once one is
KEPT: RecordFields = [("target", QUARTER), ("gate", QUARTER), ("process", HALF)]
KEPT_SINCE: RecordFields = [("opened", F), ("used", F), ("silent", F)]
SERVICE: RecordFields = [("asked", N), ("forsaken", N), ("retries", N)]
JOBS: RecordFields = [  # 48 bytes: millions may wait
    ("id", N), ("visit", N), ("pushed", F),
    ("sequence", HALF),  # the lower half of it
    ("next", HALF),  # in its chain; the container of the worker that has it (kernel/leases.py)
    ("kin", HALF), ("delivery", HALF), ("tries", QUARTER), ("stalls", QUARTER), ("state", BYTE),
    ("copy", BYTE), ("fate", BYTE), ("queue", BYTE),
]  # fmt: skip
DELIVERY: RecordFields = [  # what is known of a job from when it is taken until it waits again
    ("park_at", F),  # when it was taken, of a place that only remembers it
    ("epoch", HALF),  # of a free one: the next
    ("given_up", BYTE), ("dead_letters", BYTE),
]  # fmt: skip
CONTAINER: RecordFields = [
    ("profile", N), ("server", N), ("life", N), ("hung", N), ("held", N), ("queued", N),
    ("starts", N), ("memory", N), ("extra", N), ("noted", N), ("open_at", F), ("served", N),
    ("errors", N),
    ("balancer", N),  # that listed it last
    ("published", N), ("dialled", N),
    ("failures", N), ("locked", N), ("stuck", N),
    ("unaccepted", N), ("away", N), ("unused", N),  # idle connections of a proxy to it
    # its station
    ("n", N), ("rate", F), ("virtual", F), ("since", F), ("busy", F), ("root", N), ("cap", F),
    ("weight", F), ("frozen", N), ("capped", N), ("touched", N), ("neighbour", N),
    ("listed", N),
]  # fmt: skip
STANDING = len(StandingPlace)  # of a container, at most
ROUND_ROW: RecordFields = [  # a standing health check: kernel/rounds.py
    ("first", F), ("period", F), ("timeout", F), ("k", N), ("deep", N), ("due", F),
    ("asked", F), ("question", N), ("stands", N), ("grid", N),
]  # fmt: skip
MACHINE: RecordFields = [
    ("cores", F), ("capacity", N), ("alive", N), ("powered", F), ("up_since", F), ("memory", N),
    ("noted", N), ("watched", N), ("first", N), ("touched", N), ("running", N), ("binding", N),
    ("plain", N),
]  # fmt: skip
VERSION = [  # ... its stories begin at step `story`; its first calling step's policy, and how many
    *columns(Profile), ("at_once_on_cores", N), ("first_policy", N), ("policies", N), ("pools", N),
    ("story", N), ("stories", N),
]  # fmt: skip
BALANCER = [*columns(Routing), ("turn", N), ("via", N), ("backends", N), ("none_told", N)]
STEP = [
    *columns(StoryStep),
    ("policy", N),
    ("pool", N),
    ("share_key", KEY),
    ("key", KEY),
    ("second_key", KEY),
    ("salt", KEY),
    ("named", N),
]
TIMER: RecordFields = [("t", F), ("id", N), ("at", N)]
HEAPED: RecordFields = [("t", F), ("key", N), ("at", N)]  # key: kind << 48 + id

# where the stream of arrivals stands (kernel/counters.py): the next request, the piece of the rate
# and the instant of the last one, as drawn and as it came; what is left of the next one's draw, or
# -1: all; the request that is the first of the trace
ARRIVAL_STATE = np.dtype(
    [("request", N), ("segment", N), ("since", F), ("event", F), ("left", F), ("first", N)]
)
# what is read of a whole plane, and of one container (kernel/gauges.py)
PLANE_FIGURES = np.dtype(columns(PlaneGauge))
CONTAINER_FIGURES = np.dtype(columns(ContainerGauge))
SERVICE_SAMPLE = np.dtype([("asked", N), ("failed", N), ("open", N)])

# ---- the whole record ----
RECORD: RecordFields = [
    ("now", F), ("lattice", F), ("works", N), ("ring_mask", N),
    ("far", N),  # some round trip takes time
    ("lossy", N),  # some packets are lost
    # clients
    ("balancers", N), ("calls", N), ("rings", N), ("arrival", N), ("arrivals", N),
    ("togethers", N), ("branches", N),
    ("requests", N), ("successes", N), ("failures", N), ("retried", N),
    ("ghosts", N), ("refusals", N), ("kept_top", N), ("kept_own", N),
    ("silenced", N),  # has a connection that stays ever had no answer?
    # jobs
    ("queues", N), ("backlog_peak", N), ("workers", N), ("pushes", N), ("copies_made", N),
    ("databases", N), ("caches", N),  # one more than the highest number of them
    # places
    ("work_top", N), ("work_free", N), ("work_used", N), ("request_top", N), ("request_free", N),
    ("line_top", N), ("line_free", N), ("lined", N), ("line_from", N),
    ("job_top", N), ("job_free", N), ("jobs_used", N), ("delivery_top", N), ("delivery_free", N),
    ("containers", N), ("servers", N),
    # timing
    ("heap_n", N), ("agenda_head", N), ("agenda_tail", N), ("outs", N), ("notes", N),
    ("touched_stations", N), ("touched_servers", N), ("dirty_blocks", N), ("probes", N),
    # samples: in the ring, so far, seconds from one to the next; services that are sampled
    ("samples", N), ("sampled", N), ("sample_s", F), ("sampled_services", N),
    ("gates", N), ("local", N), ("gated", N),  # no gates: users come straight in; were there ever?
    ("ways", N),  # in which users ask, of which each has a policy: one or a mix
    ("returned", N), *columns(Law, "think_"), ("horizon", F),  # of users who come back
]  # fmt: skip


def kept_by_clients(containers: int) -> int:
    """Rows of connections, before those that tries have of their own."""
    return MOST_KEPT_BY_USERS + MOST_KEPT * containers


def fields(works: int, containers: int) -> list[tuple[Any, ...]]:
    """The record's own fields, then its tables with their lengths."""
    w, c = works, containers
    tables: list[tuple[Any, ...]] = [
        ("key", np.uint64, (256,)),  # of each stream of draws
        ("arrival_at", F, (CHUNK + 1,)),
        ("balancer", np.dtype(BALANCER, align=True), (MOST_SERVICES,)),
        ("backend", N, (MOST_SERVICES, c)),
        ("store", np.dtype(STORE, align=True), (MOST_DATABASES,)),
        ("queue", np.dtype(QUEUE, align=True), (MOST_QUEUES,)),
        ("counted", N, (MOST_QUEUES, JOB_COLUMNS)),  # jobs of each queue, as in Recording.jobs
        ("rules", np.dtype(columns(PoolRules), align=True), (PROFILES * MOST_POOLS,)),
        ("pool", np.dtype(POOL), (MOST_POOLS * c,)),
        ("service", np.dtype(SERVICE, align=True), (MOST_SERVICES,)),
        ("ended", N, (MOST_SERVICES, len(Outcome))),  # calls, by outcome
        ("edge", np.dtype(columns(CallGauge)), (POLICIES,)),
        ("policy", np.dtype(POLICY, align=True), (POLICIES,)),
        # of users, one for each service that they ask; from MOST_CALLS on, of containers
        ("purse", np.dtype(PURSE, align=True), (MOST_CALLS * (c + 1),)),
        ("outcome", BYTE, (MOST_CALLS * (c + 1), MOST_WINDOW)),  # of a breaker: 1 is a failure
        ("kept", np.dtype(KEPT), (kept_by_clients(c) + w,)),
        ("kept_since", np.dtype(KEPT_SINCE), (kept_by_clients(c) + w,)),
        ("unused", F, (MOST_UNUSED * c,)),  # since when
        ("work", np.dtype(WORK, align=True), (w,)),
        ("request", np.dtype(REQUESTS, align=True), (CLIENTS_PER_WORK * w,)),
        ("line", np.dtype(PLACE, align=True), (LINES,)),
        ("line_first", N, (RINGS,)), ("line_last", N, (RINGS,)),  # patience: of each time-out
        ("job", np.dtype(JOBS, align=True), (JOBS_PER_WORK * w,)),
        ("delivery", np.dtype(DELIVERY, align=True), (JOBS_PER_WORK * w,)),
        ("container", np.dtype(CONTAINER, align=True), (c,)),
        ("machine", np.dtype(MACHINE, align=True), (c,)),
        ("version", np.dtype(VERSION, align=True), (PROFILES,)),
        ("step", np.dtype(STEP, align=True), (PROFILES * STEPS,)),
        ("mix", F, (MOST_WAYS,)),  # the sums of their shares
        ("segment", N, (c,)),  # of the network, in which a server stands
        ("gate", N, (c,)),  # servers by which users come in
        ("link", np.dtype(columns(Law)), (MOST_SEGMENTS, MOST_SEGMENTS)),
        ("loss", F, (MOST_SEGMENTS, MOST_SEGMENTS)),
        ("worker", N, (c,)), ("round", np.dtype(ROUND_ROW, align=True), (STANDING * c,)),
        # lists
        ("next", HALF, (2 * w,)), ("prev", HALF, (2 * w,)),
        ("head", N, (FIRST_LIST + LISTS * c,)), ("tail", N, (FIRST_LIST + LISTS * c,)),
        # stations: when the next completion is due, and the least of each block
        ("due", F, (c,)), ("block_due", F, (c // BLOCK + 1,)), ("block_at", N, (c // BLOCK + 1,)),
        ("block_dirty", N, (c,)),
        ("dirty", N, (c,)), ("touched_station", N, (c,)), ("touched_server", N, (c,)),
        ("share_n", N, (c,)), ("share_cap", F, (c,)), ("share_weight", F, (c,)),
        ("share_rate", F, (c,)), ("share_of", N, (c,)),
        ("ghost", np.dtype([("number", N), ("n", N), ("database", N)]), (GHOSTS,)),
        # timers: a heap, and rings of constant delays (each in order of time)
        ("heap", np.dtype(HEAPED), (TIMERS_PER_WORK * w,)),
        ("ring", np.dtype(TIMER), (RINGS, RING)),
        ("ring_head", N, (RINGS,)), ("ring_tail", N, (RINGS,)),
        # what follows at once, what is told, what is counted
        ("agenda", np.dtype([("at", N), ("code", N)]), (AGENDA_PER_WORK * w,)),
        ("notice", np.dtype([("kind", N), ("id", N)]), (NOTES,)),
        ("out", np.dtype([("kind", N), ("t", F), ("latency", F), ("id", N)]), (OUTS,)),
        ("sample", PLANE_FIGURES, (SAMPLES,)),
        ("service_sample", SERVICE_SAMPLE, (SAMPLES, MOST_SERVICES)),
        ("cache", np.dtype(CACHE_ROW), (MOST_CACHES,)),
        ("cached", np.dtype(KEY_ROW), (MOST_CACHES * MOST_KEYS,)),
        ("stay", np.dtype(columns(Stay)), (MOST_USERS,)),
    ]  # fmt: skip
    return [*RECORD, *tables]


@cache
def layout(works: int, containers: int) -> np.dtype[np.void]:
    """The whole record's, for so many places."""
    return np.dtype(fields(works, containers), align=True)


def empty_record(works: int = WORKS, containers: int = CONTAINERS) -> NDArray[np.void]:
    """Nothing yet: one record in an array (an array dispatches faster than a record).

    Its pages are small ones: the record is sparse, and of the large ones that numpy asks Linux for
    a run of some thousand requests takes 26 MiB instead of two, no faster."""
    record = layout(works, containers)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        pages = mmap.mmap(-1, record.itemsize, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        pages.madvise(mmap.MADV_NOHUGEPAGE)
        box = np.frombuffer(pages, record)
    else:
        box = np.zeros(1, record)
    w = box[0]
    for name in ("work_free", "request_free", "job_free", "line_free", "delivery_free"):
        w[name] = -1
    w["line_first"], w["line_last"], w["line_from"] = -1, -1, LINE_FROM
    for name in (
        "redis",
        "head",
        "tail",
        "taken_head",
        "taken_tail",
        "unsent_head",
        "unsent_tail",
        "fallen",
    ):
        w["queue"][name] = -1
    w["head"][:FIRST_LIST] = w["tail"][:FIRST_LIST] = w["balancer"]["via"][:] = -1
    w["block_due"][:] = np.inf
    w["store"]["full_since"], w["store"]["db"], w["store"]["gone"] = np.inf, -1, -1
    w["cache"]["server"] = w["cache"]["first"] = w["cache"]["last"] = -1
    w["works"], w["ring_mask"] = works, RING - 1
    w["kept_own"] = kept_by_clients(containers)
    return box


def begin_container(w: Any, c: int, profile: int, server: int, rules: Any) -> None:
    """What of its rows begins as something else than 0; not before it is there, since four thousand
    may be, and few are. `rules`: the version's."""
    row, lists = w["container"][c], slice(FIRST_LIST + LISTS * c, FIRST_LIST + LISTS * (c + 1))
    row["profile"], row["server"], row["rate"] = profile, server, 1.0
    row["cap"], row["weight"] = rules["cpu_limit"], rules["cpu_weight"]
    row["neighbour"] = row["root"] = -1
    row["open_at"] = w["due"][c] = np.inf
    w["head"][lists] = w["tail"][lists] = -1


def grown(box: NDArray[np.void], works: int, containers: int) -> NDArray[np.void]:
    """The same record with more places; indices stay valid. Places that nobody has used are not
    copied: a page that is written to is a page that is taken."""
    new = empty_record(works, containers)
    old, w = box[0], new[0]
    top = int(old["work_top"])
    used = {
        "work": top, "next": 2 * top, "prev": 2 * top, "request": int(old["request_top"]),
        "job": int(old["job_top"]), "heap": int(old["heap_n"]), "kept": int(old["kept_top"]),
        "kept_since": int(old["kept_top"]),
        "agenda": int(old["agenda_tail"]), "ring": 0, "line": int(old["line_top"]),
        "delivery": int(old["delivery_top"]),
        "outcome": MOST_CALLS * (int(old["containers"]) + 1),
        "cached": MOST_KEYS * int(old["caches"]), "unused": MOST_UNUSED * int(old["containers"]),
    }  # fmt: skip
    was, own = int(old["kept_own"]), int(w["kept_own"])
    for name in ("kept", "kept_since"):
        w[name][own : own + top] = old[name][was : was + top]
    for ring in np.flatnonzero(old["ring_tail"]):  # of those that were ever used, all
        w["ring"][ring] = old["ring"][ring]
    for name in box.dtype.names or ():
        if name in ("works", "kept_own"):
            continue
        if box.dtype[name].shape:
            shape = old[name].shape
            part = tuple(slice(n) for n in (used.get(name, shape[0]), *shape[1:]))
            w[name][part] = old[name][part]
        else:
            w[name] = old[name]
    w["work"]["kept"][:top][w["work"]["kept"][:top] >= was] += own - was
    return new


def can_be(works: int, containers: int) -> bool:
    """numpy counts the bytes of a record in 31 bits."""
    bytes_of = [
        np.dtype(kind).itemsize * math.prod(*shape or [()])
        for _, kind, *shape in fields(works, containers)
    ]
    return sum(bytes_of) + 64 * len(bytes_of) < 2**31


def holds_all(w: Any) -> bool:
    """Are there places for all who stand in line? If they are told at once each is a client; if
    slots are free at once each that is begun is a work."""
    lined, works = int(w["lined"]), int(w["works"])
    if lined == 0:
        return True
    begun = min(lined, int(w["version"]["slots"].max()))
    room = CLIENTS_PER_WORK * works - lined
    return int(w["work_used"]) + begun < works - ROOM and int(w["request_top"]) < room - ROOM


def ring_size(workload: Workload) -> int:
    """Timers a ring holds: twice what a peak needs, and no more, so that they stay in the cache.
    What does not fit goes to the heap."""
    a = workload.arrivals
    if a.times_s is not None or not a.start_s:
        return RING
    stops = [*a.start_s[1:], min(a.end_s, workload.horizon_s)]
    ends = [
        rate + slope * max(0.0, stop - start)
        for start, stop, rate, slope in zip(a.start_s, stops, a.rate, a.slope, strict=True)
    ]
    live = 2.0 * max([0.0, *a.rate, *ends]) * workload.client.timeout_s
    return min(RING, 1 << max(12, math.ceil(math.log2(max(1.0, live)))))

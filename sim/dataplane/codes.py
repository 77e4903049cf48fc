"""Numbers that both engines must mean alike: enums, orders, ids, streams of draws, constants.

Declared here once. The kernel reads them as plain integers (kernel/codes.py), since numba would
make a type of each enum. Sources of the constants: docs/facts/dataplane.md.
"""

from __future__ import annotations

from enum import IntEnum

UNLIMITED = 2**31 - 1  # a count that never binds
MOST_SERVICES = 64  # that are asked; 0 is the one that users ask
MOST_CALLS = 16  # calling steps of one process, in all its stories
MOST_ENDPOINTS = 16  # stories of one service
MOST_WAYS = 64  # in which users ask: services and their endpoints
OF_USERS = -1  # in place of the number of a version that asks
MOST_KEPT_BY_USERS = 1 << 16  # connections that users keep open
MOST_KEPT = 256  # connections that a process keeps open for one of them
MOST_UNUSED = 64  # idle ones that a proxy keeps to one server
MOST_WINDOW = 1024  # tries that a circuit breaker looks back at
MOST_DATABASES = MOST_QUEUES = 64  # a suite has one for each of its services
MOST_CACHES = 16
MOST_KEYS = 1 << 17  # of one cache
MOST_POOLS = 4  # of one process, each of connections to one database
MOST_SEGMENTS = 32  # of the network, in which servers stand
ONE_SERVER = MOST_SEGMENTS - 1  # ... from a server to itself


# ---- what there is ----
class Kind(IntEnum):
    """What a container does for requests."""

    HTTP = 0  # answers requests
    WORKER = 1  # takes jobs off the queue
    DATABASE = 2  # Postgres: connections and queries
    QUEUE = 3  # Redis: the list of jobs
    PROXY = 4  # a balancer that runs as a container: it must be up for traffic to pass
    PLAIN = 5  # uses memory, nothing else
    CACHE = 6  # keeps what was asked for once, until it is old or cold


class LawKind(IntEnum):
    """The shape of a random duration or demand."""

    CONSTANT = 0
    EXPONENTIAL = 1
    LOGNORMAL = 2
    UNIFORM = 3  # mean +- cv * sqrt(3) * mean


class Does(IntEnum):
    """What a step of a story does."""

    CPU = 0  # uses the container's cores
    WAIT = 1  # takes time, and uses nothing
    QUERY = 2  # a connection to a database, then its demand there
    PUSH = 3  # a job into a queue
    FAIL = 4  # the application answers 500
    POISON = 5  # ends the process (exit 1) with the work inside
    CALL = 6  # asks another service, and keeps its slot until that has answered
    CACHE = 7  # asks a cache; what is there leaves out the steps that this one covers
    FILL = 8  # ... the last of which puts what they found into it
    TOGETHER = 9  # the steps that it covers, side by side
    END = 10  # of one of those, and of each story


class Persistence(IntEnum):
    """What of the queue is on disk."""

    NONE = 0
    RDB = 1
    AOF_EVERYSEC = 2
    AOF_ALWAYS = 3


class Cancel(IntEnum):
    """What a service does about a request whose client has left."""

    NO = 0  # serves it in vain
    HOP = 1  # drops it at its next step
    TREE = 2  # ... and does not wait for what it asked others for, who are left in their turn


class Algorithm(IntEnum):
    """How a backend is chosen from the published list."""

    FIRST = 0  # one published address
    RANDOM = 1  # kube-proxy in iptables mode
    ROUND_ROBIN = 2
    LEAST_CONNECTIONS = 3


# ---- what becomes of it ----
class Outcome(IntEnum):
    """How a request, or one attempt of it, ended. Codes 2.. are the ledger's causes."""

    IN_FLIGHT = 0
    SUCCEEDED = 1
    REFUSED = 2  # nobody listens: the host answers at once
    NO_BACKEND = 3  # the balancer's list is empty, or its queue timed out
    CONNECT_TIMEOUT = 4  # packets vanish: dead host, or a full listen backlog
    CLIENT_TIMEOUT = 5  # the client's patience ended first
    HTTP_500 = 6  # the application failed, or the database or queue behind it is down
    DB_REFUSED = 7  # SQLSTATE 53300 (or a pooler's 08P01)
    POOL_TIMEOUT = 8  # no pool connection within the checkout timeout
    DROPPED_ON_KILL = 9  # the process died with the request inside
    OOM = 10  # ... because the kernel killed it for memory
    SHED = 11  # 503 on purpose: the queue is full


# after these no connection is left that another request may use
LEAVES_NOTHING = (
    Outcome.REFUSED,
    Outcome.CONNECT_TIMEOUT,
    Outcome.CLIENT_TIMEOUT,
    Outcome.DROPPED_ON_KILL,
    Outcome.OOM,
)


class JobLoss(IntEnum):
    """Why a job will never be done."""

    REDIS_WIPED = 0  # the queue's process or host died and the job was not on disk
    REDIS_DOWN = 1  # the push failed: nobody answered, or it takes none
    WORKER_KILLED = 2  # popped, not acknowledged, its worker died
    QUEUE_FULL = 3  # maxmemory with noeviction: the push was refused
    EVICTED = 4  # maxmemory with an evicting policy: the key went
    ATTEMPTS_EXHAUSTED = 5  # failed as often as the queue library allows
    STALLED = 6  # its workers died as often as the queue library allows
    NOT_REPLICATED = 7  # the replica that took its queue's place had not been sent it


REQUEST_CAUSES: tuple[str, ...] = tuple(o.name.lower() for o in list(Outcome)[2:])
JOB_CAUSES: tuple[str, ...] = tuple(c.name.lower() for c in JobLoss)


class Note(IntEnum):
    """Kinds of notice: what a data plane tells, and never acts on."""

    LISTENING = 0  # container: open for traffic (its start-up connections are there)
    START_REFUSED = 1  # container: the database refused its start-up connections
    DRAINED = 2  # container: stopped accepting and the last request left
    OOM = 3  # container: above its memory limit
    SERVER_OOM = 4  # server: above its memory
    POISONED = 5  # container: a job ended the process (exit 1)
    PROBE_OK = 6  # probe id: answered
    PROBE_FAILED = 7  # probe id: refused, dropped with its container, or its query failed
    OUTLIER = 8  # container: failed the proxy `Routing.outlier_failures` times in a row
    NONE_LISTED = 9  # service: a request is held (`Routing.holds`); once for each empty list
    HANDED_BACK = 10  # standing check: whoever had it stand must see to it (`recall`)
    SHORT = 11  # server: more memory is in use than somebody watches for (`watch_memory`)


# ---- where it stands ----
class Life(IntEnum):
    """Of a container's process."""

    EXITED = 0  # refuses
    STARTING = 1  # the process is up, its start-up connections are not
    LISTENING = 2
    DRAINING = 3  # refuses, finishes what is inside
    DRAINED = 4  # ... and has told so


class AttemptPhase(IntEnum):
    """Where an attempt stands on its way to a container or back; CONNECTING to HELD: under way."""

    NOWHERE = 0
    CONNECTING = 1  # packets vanish; waits for the connect timeout
    RESENDING = 2  # listen backlog full, or packet lost; the kernel sends the SYN again
    PAUSING = 3  # the proxy waits before it tries the same server again
    TRAVELLING = 4  # on the network, there and (which is taken here as well) back
    ANSWERING = 5  # served; the answer was lost on its way back, and is sent again
    HELD = 6  # a hung proxy has accepted it
    QUEUEING = 7  # in the balancer: every server is at its maxconn, or none is listed
    INSIDE = 8  # accepted: in a listen backlog, or served
    WAITING = 9  # for one of the connections that its client may have open


class BreakerState(IntEnum):
    """Of a circuit breaker."""

    CLOSED = 0  # all may try
    TRIPPED = 1  # open: nobody may
    HALF_OPEN = 2  # so many trials may, and decide


class Due(IntEnum):
    """Kinds of timed events, in the order in which they act at one instant."""

    COMPLETION = 0  # container: the request with the least work left is through
    ARRIVAL = 1  # request
    RETRY = 2  # attempt: the client's back-off is over
    DIAL = 3  # attempt: a connection attempt times out or is repeated
    OPEN = 4  # container: the next start-up connection
    CHECKOUT = 5  # work: waited too long for a connection, or for the queue server
    PATIENCE = 6  # attempt: the client gives up
    JOB_BACK = 7  # job: a retry or redelivery returns to the queue
    GHOST = 8  # number: connections of a vanished host close
    PASSED = 9  # work: a step that only takes time is over
    ROUND = 10  # standing check: it asks once more, or its answer is late


class StandingPlace(IntEnum):
    """Whose standing check of a container it is; in the order in which they ask at one instant."""

    READINESS = 0
    LIVENESS = 1
    BALANCER = 2


ID_BITS = 56  # of an event's place among those of one instant; its kind stands above


# ---- who it is: ids are unique, and order what is due at one instant ----
# Of an attempt (arithmetic.attempt_id), from the lowest bit: its place in its block, the request,
# and above all that is named below the block: attempts 0 to 7 of a request, 8 to 15, ...
BLOCK_BITS, REQUEST_BITS, BLOCK_SHIFT = 3, 40, 47
MOST_USERS = 1 << 16  # who come back: ask number k of user i is USER_BASE + k * MOST_USERS + i
USER_BASE = 1 << REQUEST_BITS - 1
MOST_ATTEMPTS = 1 << BLOCK_BITS + ID_BITS - BLOCK_SHIFT  # of one request
PUSHED_BASE = 1 << 43  # job id = PUSHED_BASE + its number, unless ...
JOB_BASE = 1 << 44  # ... JOB_BASE + the attempt of a user that pushed it in an unnamed step
PROBE_BASE = 1 << 45
COPY_BASE = 1 << 46  # jobs that came back
BRANCH_BASE = 3 << 44  # one of several steps side by side: BRANCH_BASE + its number
CALL_BASE = 3 << 45  # an attempt of call n: CALL_BASE + attempt_id(n, retry)


class Stream(IntEnum):
    """Draws of the data plane; the control plane names its own (draws.stream)."""

    ARRIVAL = 0  # request
    CPU = 1  # request
    QUERY = 2  # request
    PUSH = 3  # request
    ERROR = 4  # attempt
    ROUTE = 5  # attempt
    BACKOFF = 6  # attempt
    JOB_CPU = 7  # job
    JOB_QUERY = 8  # job
    POISON = 9  # job
    LOCK = 10  # request or job
    CONNECTION = 11  # who asks
    WARM = 12  # a key of a cache: its age when the run begins
    MIX = 13  # request
    TRIP = 14  # attempt; of a query, its request or job
    GATE = 15  # attempt
    THINK = 16  # request of a user who comes back
    LOSS = 17  # attempt, request or job; and which of its packets
    # steps with a name have streams of that name (story.streams)


SCHEDULED = "enqueue"  # names the draws of jobs that no request pushes
SECOND = 64  # added to a stream: the second number that a lognormal draw takes

# ---- constants of the model ----
SYN_RESEND_S = 1.0  # a SYN dropped at a full backlog is sent again (shared facts, dataplane)
# round trips until a new connection to PostgreSQL takes a query: TCP's, the start-up packet, two of
# SCRAM (postgresql.org 17, protocol-flow.html, sasl-authentication.html); TLS would add one or two
LOGIN_TRIPS = 4.0
# TCP sends again what nobody has acknowledged, and waits twice as long each time (Linux 6.12,
# include/net/tcp.h: TCP_RTO_MIN of 200 ms, TCP_RTO_MAX of 120 s)
RESEND_S, RESEND_MOST_S = 0.2, 120.0
SILENT_RETRY_S = 1.0  # a start-up connection to a silent host is tried again
REAPER_RETRY_S = 1.0  # a job cannot return to a queue that is down: look again
BUDGET_CAP = 100.0  # retries a budget can save up
RDB_SAVE_POINTS: tuple[tuple[float, int], ...] = ((3600.0, 1), (300.0, 100), (60.0, 10_000))
GIVEN_AWAY = -1  # epoch of an entry whose job was given out again, while its worker was silent
SILENT = -1  # what a caller gets of a host or process that accepts nothing and says nothing
HIT, LEASED, FORSAKEN = -3, -4, -5  # ends of a look into a cache beside those of a request

LATENCY_MIN_S = 1e-4  # histogram bin i covers MIN * 1.02**i .. MIN * 1.02**(i + 1)
LATENCY_GROWTH = 1.02
LATENCY_BINS = 1024

"""A scenario: who comes, what happens to the platform and when, and what the article claims of it.

One YAML file teaches one lesson: stable (under 2 % errors) before its first event, visibly broken
by it. Faults, deploys and requests to the operator stand in one list, `events`, each one record
named by its kind. A name of a service may be a role (`http`, `worker`, `postgres`, `redis`): then
it means the first service that plays it, so that a scenario runs on anybody's stack.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field

from sim.constants.facts import LEAK_TICK, default
from sim.schema.bounds import FLEET
from sim.schema.fields import (
    MOST,
    Bytes,
    CoresAtMost,
    Count,
    Duration,
    Fleet,
    Fraction,
    Horizon,
    Interval,
    Label,
    LawSpec,
    Limit,
    Line,
    Name,
    Note,
    Positive,
    Rate,
    Ratio,
    Record,
    Span,
    Text,
    Title,
    refuse,
)
from sim.schema.incident import PublicIncident
from sim.schema.network import (
    Happening,
    Latency,
    MendedByHand,
    Nature,
    PacketLoss,
    Partition,
    ZoneDown,
)
from sim.schema.stack import Role
from sim.schema.traffic import Traffic


class Slo(Record):
    success: Fraction = 0.98  # of requests, answered well
    latency: Span | None = None  # ... and as fast as this
    down_below: Fraction = 0.5  # less than this answered well: downtime


class Version(Record):
    """What a deploy changes of a service; what is not named stays."""

    name: Title = "v2"
    boot: LawSpec | None = None
    crashes_at_start: bool = False  # exits 1 instead of listening
    error_rate: Fraction = 0.0
    leak_per_request: Bytes = 0
    cpu_factor: Ratio = 1.0
    restarted: Count = 0  # `rollout restart`: the same code, other pods (a template's annotation)

    def __eq__(self, other: object) -> bool:
        """Of a thousand replicas each is asked at each change of one: most have the very version,
        or one that differs here."""
        if self is other:
            return True
        if not isinstance(other, Version) or self.restarted != other.restarted:
            return False
        return self.name == other.name and super().__eq__(other)

    def __hash__(self) -> int:
        return hash((self.name, self.restarted))

    @property
    def image(self) -> Version:
        """The version without its restarts: what is pulled, and what may be bad."""
        return self.model_copy(update={"restarted": 0}) if self.restarted else self


# whom of several replicas an event hits: by age, drawn, or by its number from 0 in order of age
def _read_which(raw: object) -> object:
    number = isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw <= FLEET.most
    if not number and raw not in ("oldest", "newest", "any"):
        refuse("oldest, newest, any, or a whole number from 0")
    return raw


Which = Annotated[str | int, BeforeValidator(_read_which)]
Part = Literal["scheduler", "controllers", "endpoints", "dns"]  # of a control plane


class Hit(Happening):
    """What befalls some replicas of a service."""

    service: Name
    replicas: Positive = 1
    which: Which = "oldest"


class OperatorKill(Hit):
    """`docker kill`: exit 137, and Docker's restart policy is cancelled (orchestrators.md 1.2)."""


class OperatorStop(Hit):
    """Stopped by a person in the words of the platform: SIGTERM, grace, SIGKILL. `docker stop`
    cancels the restart policy (orchestrators.md 1.2); elsewhere another one takes its place."""


class ProcessCrash(Hit):
    """The process ends by itself: the restart policy applies."""

    exit_code: Count = 1


class ServerCrash(Happening):
    """`reboot -f`, or a host that is gone for good (`returns: false`)."""

    server: Count | None = None  # index; default: the server of `hosting`
    hosting: Name = "postgres"
    returns: bool = True


class OutOfService(Happening, nature="means"):
    """The operator marks a lost server out of service, so that what has a volume may move
    (kubernetes.io/docs cluster-administration/node-shutdown; on platforms with such a taint)."""

    server: Count | None = None  # index; default: the lost server of `hosting`
    hosting: Name = "postgres"


class DaemonRestart(Happening):
    """dockerd stops and starts (an upgrade of Docker), without live-restore: every container of
    the server is stopped, and what its restart policy says is started (orchestrators.md 1.3)."""

    server: Count | None = None  # index; default: the server of `hosting`
    hosting: Name = "postgres"
    takes: Duration = 2.0  # from the last container's exit until dockerd is up again; chosen


class Drain(Happening):
    """Planned work on servers, one after the other: emptied, worked on, rebooted, taken back."""

    server: Count | None = None  # index; default: the server of `hosting`, or every server
    hosting: Name | None = None
    lasts: Duration = 60.0  # hands-on work on the emptied server
    reboot: bool = True
    pause: Duration = 60.0  # she watches so long before the next server


class Hang(Hit):
    """Accepts and never answers, for a while (a deadlock, a stalled disk)."""

    lasts: Span | None = None


class LockOut(Happening):
    """What it shows the database is no longer right (an expired token): connections that are open
    stay, new ones are refused (28P01), until the process starts anew or for a while."""

    service: Name
    replicas: Positive = 1
    lasts: Span | None = None


class Leak(Happening):
    """Memory that grows by the clock."""

    service: Name
    per_second: Bytes
    replicas: Positive = 1
    tick: Interval = default(LEAK_TICK)


class Deploy(Happening):
    """A new version goes out the platform's way. `rollback_after` asks for the old one by hand."""

    service: Name
    version: Version = Version()
    rollback: bool = True  # who deploys watches it; else whoever is paged finds what changed


class RentServers(Happening, nature="means"):
    """The article's runbook: rent, SSH, install, copy, edit, start, configure a balancer."""

    service: Name
    servers: Annotated[Positive, MOST]
    replicas: Annotated[Positive, MOST]
    balancer: bool = True
    wrong_backends: Count | None = None  # mistyped or forgotten; default: drawn from mistake rate
    dns: bool = True  # each server is in the users' DNS once it serves; else all wait for the last


class RaiseConnections(Happening):
    """Edit max_connections, then restart everything (a reload is not enough)."""

    max_connections: Positive
    pool: Positive | None = None  # and set each pool to this


class Scale(Happening, nature="means"):
    """`docker compose up --scale` on the one server / a larger `replicas:`, by command."""

    services: dict[Name, Fleet]


class Resize(Happening, nature="means"):
    """Another CPU limit for processes that run, by command: `docker update --cpus`, or a pod's
    resize in place. What starts again in its place keeps it; a replacement has its manifest's."""

    service: Name
    cpu: CoresAtMost
    replicas: Positive | None = None  # the oldest so many; default: all


class RotateSecret(Happening):
    """The database's password must be changed: a leak, or a policy (sim/control/secrets)."""

    service: Name = "postgres"
    overlap: bool = False  # a second user, valid beside the old one until all have it
    missed: Count | None = None  # of several places, forgotten; default: drawn from mistake rate


class ArrivalRate(Happening, nature="users"):
    """Users come at another rate from now on, in place of what `traffic` says of the time left."""

    rate: Rate  # constant; `traffic.scale` does not change it


class ControlPlane(Happening):
    """Parts of the platform itself do nothing for a while: no replica is placed (`scheduler`),
    replaced, evicted or added (`controllers`), no balancer hears who is there (`endpoints`), no new
    connection finds its database by name (`dns`). What runs runs on."""

    what: Annotated[list[Part], Field(min_length=1)] = ["scheduler", "controllers", "endpoints"]
    lasts: Span


class ConfigPush(Happening):
    """A configuration that several services read while they run: no deploy, no restart. What reads
    it answers with `errors`, ends (`crash`, and cannot start with it), or has other limits (`set`,
    fields of the service)."""

    services: Annotated[list[Name], Field(min_length=1)]
    errors: Fraction = 0.0  # of requests, answered 500
    crash: bool = False
    set: dict[str, Any] = {}  # `concurrency: 1`, `database.pool: 2`
    latent: bool = False  # read when a process next starts, and not before
    stage: Duration = 0.0  # from one replica to the next; 0: all at once
    halts: bool = False  # staged: who pushes watches, and takes it back when the first one fails


class TableLock(Happening):
    """A migration holds a lock that a share of all queries waits for, connection in hand."""

    service: Name = "postgres"
    share: Fraction = 1.0
    lasts: Span


class BadPlan(Happening):
    """The database's planner errs: each query costs so many times its demand."""

    factor: Annotated[Ratio, Field(ge=1.0)]


class Switchover(Happening):
    """A replica takes its primary's place while both are well (maintenance): by whoever would
    promote it after a crash, or by hand."""

    service: Name = "postgres"


class RegistryDown(Happening):
    """The registry refuses every pull: what needs an image that its server lacks waits."""

    lasts: Span


class ImageMissing(Happening):
    """The image of a service cannot be pulled (never pushed, or cleaned away): until somebody
    pushes it, or for a while."""

    service: Name
    lasts: Span | None = None


class DiskFull(Happening):
    """No space left on the disk of what keeps something: it ends, and cannot start until somebody
    makes room. `logs`: of containers, where nothing bounds them; `data`: its own."""

    service: Name = "postgres"
    by: Literal["logs", "data"] = "data"


class CertificateExpired(Happening):
    """The certificate of the entry is out of date: no user is served until somebody renews it."""


class DataDeleted(Happening):
    """Somebody deletes all that a database has: it comes back with the rows of its newest backup,
    after hours."""

    service: Name = "postgres"


class StartByHand(Happening, nature="hands"):
    """Somebody starts what is down: `docker compose up -d`."""


class RestartByHand(Happening, nature="hands"):
    """Somebody restarts a service: all of its replicas at once, or each when the one before serves
    again (`one_by_one`), out of the balancer meanwhile. Where a platform rolls out, its way."""

    service: Name
    replica: Count | None = None  # one of those that live, by age from 0; null: all. Where nobody
    # rolls out: elsewhere one that is stopped (`operator_stop`) is replaced
    one_by_one: bool = False
    pause: Duration = 0.0  # after each


class RollbackByHand(Happening, nature="hands"):
    """Somebody takes a service back to the version before, whether it is bad or not."""

    service: Name


class Failures(Happening):
    """Processes of a service end by themselves now and then, each for itself: exponential times
    with this mean between two failures of a replica."""

    service: Name
    mtbf: Span
    lasts: Span | None = None  # from now on; null: to the end


class External(Happening):
    """A service that somebody else runs is slow or errs, refuses, or keeps silent, for a while."""

    service: Name = "external"
    latency: LawSpec | None = None  # from now on; null: as the stack says
    errors: Fraction | None = None
    state: Literal["up", "down", "silent"] = "up"  # down: refuses; silent: accepts, never answers
    lasts: Span | None = None


class CacheFlush(Happening):
    """A cache forgets all that it holds (`FLUSHALL`, `flush_all`, a change of every key's name):
    everything is a miss until it is filled again."""

    service: Name = "cache"


class Event(Record):
    """One entry of the list: `at` and exactly one kind."""

    at: Duration
    operator_kill: OperatorKill | None = None
    operator_stop: OperatorStop | None = None
    process_crash: ProcessCrash | None = None
    server_crash: ServerCrash | None = None
    out_of_service: OutOfService | None = None
    daemon_restart: DaemonRestart | None = None
    drain: Drain | None = None
    hang: Hang | None = None
    lock_out: LockOut | None = None
    leak: Leak | None = None
    deploy: Deploy | None = None
    scale: Scale | None = None
    resize: Resize | None = None
    rent_servers: RentServers | None = None
    raise_connections: RaiseConnections | None = None
    rotate_secret: RotateSecret | None = None
    external: External | None = None
    traffic: ArrivalRate | None = None
    config: ConfigPush | None = None
    control_plane: ControlPlane | None = None
    lock: TableLock | None = None
    bad_plan: BadPlan | None = None
    failover: Switchover | None = None
    registry_down: RegistryDown | None = None
    image_missing: ImageMissing | None = None
    disk_full: DiskFull | None = None
    certificate_expired: CertificateExpired | None = None
    data_deleted: DataDeleted | None = None
    start: StartByHand | None = None
    restart: RestartByHand | None = None
    rollback: RollbackByHand | None = None
    failures: Failures | None = None
    zone_down: ZoneDown | None = None
    latency: Latency | None = None
    partition: Partition | None = None
    packet_loss: PacketLoss | None = None
    mend_network: MendedByHand | None = None
    cache_flush: CacheFlush | None = None

    def kind(self) -> str:
        """The name of the one kind that is set."""
        return next(k for k, v in self if k != "at" and v is not None)


NATURES: dict[str, Nature] = {  # of each kind, as `Event` has them
    kind: get_args(field.annotation)[0].nature
    for kind, field in Event.model_fields.items()
    if kind != "at"
}
Sign = Literal[  # events of a timeline that a claim's `because` may rest on
    "limit_reached", "connection_refused", "consumers_added", "jobs_given_up", "exit", "liveness",
    "mistake", "preempted", "quota", "unschedulable",
]  # fmt: skip


class Claim(Record):
    """A sentence of the article that the run checks."""

    id: Label
    says: Line
    platform: Name
    metric: str  # dotted path into a platform's figures: `downtime_s`, `jobs.lost.redis_wiped`
    low: Limit | None = None
    high: Limit | None = None
    because: Text = ""  # shown when it does not hold
    shown_by: list[Sign] = []  # ... and only where each of these is in the run's timeline


class Variant(Record):
    """The same scenario with something else; chosen by `SCENARIO:VARIANT`."""

    says: Line
    set: dict[str, Any] = {}  # dotted paths from `scenario.`, `stack.`, or a platform's name
    events: list[Event] | None = None
    claims: list[Claim] | None = None


class Scenario(Record):
    """What happens, and to whom: traffic, events, for how long; and what somebody claims of it.

    Read by `sim.load_scenario`; times are seconds from its first one, rates are per second.
    InputError for what cannot be."""

    name: Name
    title: Line
    lesson: Text
    incident: PublicIncident | None = None  # null: it replays nobody's day
    stack: Name = "sspp"
    horizon: Horizon
    starts_at: Duration = 10 * 3600.0  # time of day of second 0; chosen: a morning at the office
    traffic: Traffic
    slo: Slo = Slo()
    events: list[Event]
    claims: list[Claim] = []
    # roles that it is about, beside those that its events name; calls: services that ask another
    needs: list[Role | Literal["calls"]] = []
    platforms: list[Name] = Field(default_factory=lambda: ["compose", "kubernetes"])
    set: dict[str, Any] = {}
    variants: dict[Name, Variant] = {}
    variant: Name | None = None  # the one in force; the loader says so, a file may not
    assumed: list[Note] = Field(default_factory=list)  # said to the user

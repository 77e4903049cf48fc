"""What the control plane keeps about the world: servers, containers, and the changes of both.

Only the verbs of a `Cluster` (world.py, containers.py, cluster.py) write these records; everybody
else reads them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from sim.dataplane.arithmetic import added
from sim.results.run import LostRows
from sim.schema.fields import LawSpec
from sim.schema.scenario import Version

if TYPE_CHECKING:  # the clock knows what NonsenseError is
    from sim.control.core.clock import Loop

State = Literal["created", "starting", "running", "stopping", "exited"]
# what controllers can wait for
ChangeKind = Literal[
    "created", "started", "listening", "exit", "removed", "ready", "unready", "stopping",
    "server_up", "server_down", "server_added", "server_ready", "server_unready",
    "server_released", "cordoned", "desired", "version", "split", "addresses",
    "pending", "health", "outlier", "none_listed", "daemon_up", "out_of_service", "restored",
    "thawed", "registry", "managed", "server_silent", "server_heard", "mended",
]  # fmt: skip
STATEFUL = ("postgres", "redis")  # roles that keep something on a disk
ALIVE: tuple[State, ...] = ("starting", "running", "stopping")


@dataclass(eq=False)
class Server:
    """A machine. `alive` is the truth; `ready` is what the platform believes; `heard`: the network
    lets it through to whoever keeps servers."""

    id: int
    name: str
    cores: float
    memory: int
    alive: bool = True
    gone: bool = False  # ... it never comes back, nor does its disk
    ready: bool = True
    heard: bool = True
    silent_s: float = 0.0  # when it was cut off last
    cordoned: bool = False
    leaves: bool = False  # ... since it is given back once it is empty
    daemon: bool = True  # Docker Engine runs
    zone: str = ""  # its label; "": it has none
    price_per_hour: float = 0.0
    rented_s: float = 0.0
    released_s: float | None = None
    boots: int = 0
    failures: list[tuple[float, str]] = field(default_factory=list)  # when, of which service

    @property
    def answers(self) -> bool:
        """Does whoever keeps it get an answer?"""
        return self.alive and self.heard


@dataclass(eq=False)
class Container:
    """One address and the process that lives at it (a Compose container, a pod)."""

    id: int
    name: str
    service: str
    server: Server
    version: Version
    profile: int
    port: int | None = None  # held on the server's own address while a process lives (Compose)
    state: State = "created"
    ready: bool = False
    health: Literal["", "starting", "healthy", "unhealthy"] = ""  # Docker's label
    booted: bool = False  # this process has listened: it has a handler for SIGTERM
    hung: bool = False
    locked_out: bool = False  # its database refuses the password that it holds
    exit_code: int | None = None
    oom_killed: bool = False
    refused: bool = False  # exited because its database had no slot for it
    manually_stopped: bool = False  # docker kill / stop: the restart policy is cancelled
    restarting: bool = False  # exited, and somebody will start it again (docker ps says so)
    deleting: bool = False  # nobody wants it back
    preempted: bool = False  # ... since its place is another's
    created_s: float = 0.0
    started_s: float = 0.0
    finished_s: float = 0.0
    ready_since_s: float | None = None
    turned_s: float = 0.0  # when `ready` last changed
    restarts: int = 0
    cpu_limit: float | None = None  # cores, set while it lived; None: what its manifest says
    run: int = 0  # number of the process: tells a stale waiter that its process is gone

    @property
    def alive(self) -> bool:
        """A process exists (as far as the truth goes, not the platform's belief)."""
        return self.state in ALIVE and self.server.alive

    @property
    def was_ready(self) -> bool:
        """This process, which has ended, has been ready."""
        return self.turned_s > self.started_s


@dataclass(eq=False)
class Pending:
    """A replica that is wanted and has no server yet (a Pending pod)."""

    id: int
    service: str
    version: Version
    since_s: float
    unschedulable: bool = False  # tried, and no server takes it
    nominated: Server | None = None  # where room is being made for it, and kept


@dataclass(eq=False)
class Volume:
    """The disk of a service that keeps something: of a database, of a queue."""

    service: str
    server: Server  # that has it
    moves: bool  # a cloud disk, which outlives its server and can be attached to another
    pinned: bool = True  # nobody starts it elsewhere; else it begins there with an empty disk
    lost: bool = False  # nothing of it is left; until it is restored
    full: bool = False  # no space left: who writes to it ends, and cannot start


@dataclass(eq=False)
class Trouble:
    """What an event has left behind that a person can find and end."""

    kind: str  # the event's
    subject: str  # a service
    seen: str  # what she reads when she looks
    command: str  # what she does about it
    takes: LawSpec  # her time for it, when she knows what it is
    repaired: Callable[[], Loop | None]  # what follows once she has done it
    change: bool = False  # somebody changed something lately: a rollback ends it


class Address(NamedTuple):
    """A line of a balancer's file, or what users have in their DNS: a place, not a container."""

    server: int
    port: int | None = None
    checked: bool = True  # the balancer checks it


@dataclass(eq=False)
class Front:
    """What stands before one service that is asked: where its callers' requests go.

    The first is that of the entry, which users ask; each service that others call has one."""

    service: str
    number: int = 0  # among those of a run, and of the data plane
    listed: tuple[int, ...] = ()  # whom discovery names
    backends: tuple[int, ...] = ()  # who gets requests
    addresses: tuple[Address, ...] = ()  # what people wrote down: a DNS record, a balancer's file
    balanced: bool = False  # a load balancer reads `addresses`; else callers know the first
    via: int = -1  # the container of the proxy that all its requests pass


@dataclass(frozen=True)
class Change:
    kind: ChangeKind
    container: Container | None = None
    server: Server | None = None
    service: str = ""


@dataclass
class Tallies:
    """What the control plane counts for the summary."""

    containers_refused: int = 0
    pages: int = 0
    hands: list[tuple[float, float, str]] = field(default_factory=list)  # from, seconds, what
    mistakes: int = 0
    scheduled_jobs: int = 0  # that came by the clock
    lost_rows: list[LostRows] = field(default_factory=list)
    fault_s: float | None = None
    detected_s: float | None = None

    def hands_on_s(self, end_s: float) -> float:
        """The operator's seconds until then; what she has begun counts as far as it went."""
        return added(min(seconds, end_s - began) for began, seconds, _ in self.hands)


@dataclass(frozen=True)
class Split:
    """How far a new version is let in: which versions share a service, and who gets users.

    Shares are percent of the wanted replicas; both full is a double set."""

    version: Version  # the new one; a split of another version is out of date
    stable: Version  # the one before
    new: float
    old: float
    active: Version | None = None  # only these replicas get users (a Service's selector)

    def chooses(self, c: Container) -> bool:
        """Does the service's selector choose this replica? All versions, unless one is active."""
        return self.active is None or self.active == c.version


class NonsenseError(ValueError):
    """A mechanism asks for what cannot be: a delay below 0, half a replica. `choice`: which of the
    ten, where the caller knows it."""

    def __init__(self, found: str, expected: str, choice: str = "") -> None:
        super().__init__(found, expected, choice)  # SimPy makes copies from the arguments
        self.found, self.expected, self.choice = found, expected, choice

    def __str__(self) -> str:
        return f"found {self.found}; expected {self.expected}"


class PortTakenError(Exception):
    """`Bind for 0.0.0.0:3000 failed: port is already allocated` (moby portallocator.go)."""

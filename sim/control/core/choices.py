"""What each of a platform's ten choices must answer, and what it may answer beside.

A choice is a frozen record, or None: then nobody does it but a person. The ten Protocols say what
the rest of the program asks of each; a record of a user's own needs no base class, only the
methods. What a choice may say beside stands below them, a Protocol each with what holds where it is
not said: who wants to know asks `isinstance(choice, Emptying)`, and reads it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from inspect import isfunction
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    Protocol,
    TypeGuard,
    TypeVar,
    get_args,
    get_type_hints,
    runtime_checkable,
)

if TYPE_CHECKING:  # the choices are asked with the cluster that holds them
    from sim.constants.facts import Fact
    from sim.control.core.clock import Loop
    from sim.control.core.cluster import Cluster
    from sim.control.core.records import Server
    from sim.control.scheduling.disruption import Evictions
    from sim.control.scheduling.kubelet import Kubelet
    from sim.dataplane.profile import Routing
    from sim.schema.stack import Service, Stack


P = TypeVar("P")
_ABLE: dict[tuple[type, type], bool] = {}


def able(choice: object, ability: type[P]) -> TypeGuard[P]:
    """`isinstance`, found out once for all choices of a kind: of a Protocol it takes ten
    microseconds."""
    key = type(choice), ability
    if key not in _ABLE:
        _ABLE[key] = isinstance(choice, ability)
    return _ABLE[key]


# ---- the ten ----
@runtime_checkable
class Controller(Protocol):
    """A choice that acts; one without `run` is data that others read."""

    def run(self, cluster: Cluster) -> Loop:
        """Its loop, from second 0 to the end."""


class SelfHealer(Controller, Protocol):
    """What happens when a container exits. May be `Shimmed`."""


class Autoscaler(Controller, Protocol):
    """Replicas and servers from load."""


class LoadBalancer(Protocol):
    """Which replica gets a request, what is retried."""

    def routing(self) -> Routing:
        """What is done with each request, as data."""


class Discoverer(Controller, Protocol):
    """How a change of replicas reaches the balancer, and how late. May be `Selecting`."""


class Updater(Controller, Protocol):
    """How version N becomes N+1. Where replicas are kept (scheduling/replicas.py) also their
    `Strategy`."""


class Reverter(Protocol):
    """How N+1 becomes N again."""

    def undo(self, cluster: Cluster, service: str) -> None:
        """Want the version before, now."""


class HealthChecker(Controller, Protocol):
    """Who gets no traffic, who gets killed. May be `Ending`, and say what it `Reads`."""


@runtime_checkable
class Limiter(Protocol):
    """Who starves or is OOM-killed. May be `Ranking`."""

    @property
    def weights(self) -> Literal["shares", "requests"]:
        """Who yields when a server's cores are short: by `cpu.shares`, or by `cpu.request`."""


class SecretKeeper(Protocol):
    """How a rotated password reaches the containers: a `Delivery` (secrets/passwords.py); of
    anything else nothing is asked, and people do it. May be `Encrypting`."""


class Scheduler(Controller, Protocol):
    """Which server runs what, and what happens when one dies. May be `Agented`, `Emptying`,
    `Tainting`, `Maintaining`."""

    def servers(self, stack: Stack) -> int:
        """How many servers there are at second 0: at least 1."""

    def choose(self, cluster: Cluster, service: str) -> Server | None:
        """Where one more replica goes, one of `cluster.servers`; None if it must wait."""


@dataclass(frozen=True)
class Choices:
    """The ten of one platform (platforms/platform.py); None: a person does it."""

    self_healing: SelfHealer | None
    autoscaling: Autoscaler | None
    load_balancing: LoadBalancer | None
    service_discovery: Discoverer | None
    rolling_updates: Updater | None
    rollback: Reverter | None
    health_checks: HealthChecker | None
    resource_limits: Limiter | None
    secrets: SecretKeeper | None
    scheduling: Scheduler | None


TEN = tuple(field.name for field in fields(Choices))
NOBODY = Choices(*[None] * len(TEN))  # everything is left to the operator


def needs(capability: str) -> tuple[str, ...]:
    """The methods beside `run` without which a record cannot fill this choice."""
    protocol, _ = get_args(get_type_hints(Choices)[capability])
    members = vars(protocol).items()
    return tuple(name for name, member in members if isfunction(member) and name[0] != "_")


# ---- what any choice may say ----
@runtime_checkable
class Conflicting(Protocol):
    """Objects to the platform's other choices; else it goes with all."""

    def conflicts(self, platform: Choices) -> str:
        """Why it cannot do its work beside them; "" if it can."""


@runtime_checkable
class Refusing(Protocol):
    """Objects to stacks; else it takes all."""

    def refuses(self, stack: Stack) -> str:
        """Why it does not take what this stack asks for; "" if it does."""


@runtime_checkable
class Fixed(Protocol):
    """Has constants behind it that no setting changes; else there are none to tell of."""

    @property
    def fixed(self) -> tuple[Fact[Any], ...]: ...


@runtime_checkable
class Consoled(Protocol):
    """Says by which console people work this platform (people/commands.py); one of the ten is
    enough. Else it is Compose's, or a user's own, whose commands are told in plain words."""

    @property
    def console(self) -> str: ...


# ---- what one of the ten may say ----
@runtime_checkable
class Charging(Protocol):
    """Scheduling: what its control plane costs; load balancing: what its entry costs. USD an hour;
    else nothing beside the servers."""

    @property
    def price_per_hour(self) -> float: ...


def charge_of(choice: object) -> float:
    """What a choice costs, USD an hour."""
    return choice.price_per_hour if able(choice, Charging) else 0.0


@runtime_checkable
class Shimmed(Protocol):
    """Self-healing: do containers outlive a restart of their daemon? Else they do not."""

    @property
    def shims(self) -> bool: ...


DOCKER_STOP = "docker stop"  # what stops one container where nobody but its Engine is told


@runtime_checkable
class Commanded(Protocol):
    """Self-healing: how a person stops one container; else by `docker stop`."""

    @property
    def stopped_with(self) -> str:
        """The words of the command line; "" where there are none. All but `docker stop` ask the
        platform, which then puts another one in its place at once."""


def stop_command(choices: Choices) -> str:
    """What a person types here to stop one container; "" where nothing does."""
    healing = choices.self_healing
    return healing.stopped_with if able(healing, Commanded) else DOCKER_STOP


@runtime_checkable
class AtTheEdge(Protocol):
    """Load balancing: it stands before the entry alone; else calls between services pass it."""

    def between(self) -> Routing:
        """What is done with each call of one service to another."""


@runtime_checkable
class Selecting(Protocol):
    """Service discovery: can a selector leave a version out? Else it cannot."""

    @property
    def selects(self) -> bool: ...


@runtime_checkable
class Lingering(Protocol):
    """Service discovery: how long a replica that has left the balancer serves on before it is told
    to stop, beside its grace period; else not at all. Of services that take requests."""

    @property
    def linger_s(self) -> float: ...


@runtime_checkable
class Reads(Protocol):
    """Health checks: the field of a service that it reads (`probes`, `healthcheck`); else none."""

    @property
    def reads(self) -> str: ...


@runtime_checkable
class Ending(Protocol):
    """Health checks: does it end a process that hangs? Else it does not, and a person must."""

    def ends(self, service: Service) -> bool: ...


@runtime_checkable
class Ranking(Protocol):
    """Resource limits: who is killed first on a full server; else what the stack says."""

    def oom_score_adj(self, service: Service, capacity: int) -> int:
        """Points from -1000 (never) to 1000, on a machine of `capacity` bytes."""


@runtime_checkable
class Encrypting(Protocol):
    """Secrets: do they lie encrypted? Else they do not."""

    @property
    def encrypted_at_rest(self) -> bool: ...


@runtime_checkable
class Agented(Protocol):
    """Scheduling: how a server starts what is bound to it; else as a kubelet does."""

    @property
    def kubelet(self) -> Kubelet: ...


@runtime_checkable
class Pinning(Protocol):
    """Scheduling: is what has its disk on a server held to that server? Else it is."""

    @property
    def pinned(self) -> bool: ...


@runtime_checkable
class Emptying(Protocol):
    """Scheduling: how a drain evicts, within budgets; else all at once."""

    @property
    def evictions(self) -> Evictions: ...


@runtime_checkable
class Tainting(Protocol):
    """Scheduling: its controller of servers heeds the mark "out of service"; else nobody does."""

    @property
    def lifecycle(self) -> object: ...


@runtime_checkable
class Gated(Protocol):
    """Load balancing: may users come in by any of the servers? Then what stands before these, if
    anything does; else the way to a replica is known to whoever lets them in."""

    @property
    def nodes(self) -> Controller | None: ...


@runtime_checkable
class Maintaining(Protocol):
    """Scheduling: which servers somebody here has to patch; else all of them."""

    def maintained(self, cluster: Cluster) -> list[Server]: ...

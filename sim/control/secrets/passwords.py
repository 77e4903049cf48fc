"""Secrets: who holds which password of the database, and how a rotated one gets there.

PostgreSQL looks at a password when a connection is opened and never again: after ALTER ROLE open
connections stay, and whoever opens a new one with the old password is refused (28P01). A role has
one password; two that are valid at a time are two users (postgresql.org, sql-alterrole). How people
change one is in rotation.py. Left out: .pgpass, certificates, Vault's leases.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar, Literal

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Container
from sim.control.people.human import Human
from sim.control.people.runbooks import roll
from sim.control.rolling_updates import compose

Taken = Literal["created", "started", "read"]

KUBELET_SYNC = Fact(
    "secret.sync_period", 60.0, "s", "the kubelet refreshes a pod's Secret volumes once a period",
    "kubernetes/kubernetes pkg/kubelet/apis/config/v1beta1/defaults.go SyncFrequency @1c9cf914",
)  # fmt: skip
SYNC_JITTER = Fact(
    "secret.sync_jitter", 0.5, "ratio", "a period is longer by a random share of up to this",
    "kubernetes/kubernetes pkg/kubelet/pod_workers.go workerResyncIntervalJitterFactor",
)  # fmt: skip
WATCH_DELAY = Fact(
    "secret.watch_delay", 1.0, "s", "until the kubelet's cache has a changed Secret (Watch)",
    "kubernetes.io/docs concepts/configuration/secret: one watch delay; its length is chosen",
)  # fmt: skip


# ---- rules ----
def is_locked_out(held: int, valid: Collection[int]) -> bool:
    """Does the database refuse a new connection of somebody who holds password number `held`?

    Source: postgresql.org, sql-alterrole and auth-password; SQLSTATE 28P01."""
    return held not in valid


def takes(taken: Taken, change: str) -> bool:
    """Does a container take what is written now, when this happens to it?

    Docker fixes the environment when the container is created: `docker start` and restart policies
    keep the old one. A kubelet resolves a Secret reference each time it starts a container. A
    mounted file is read when it is needed. Sources: docker inspect, Config.Env;
    kubernetes/kubernetes pkg/kubelet/kubelet_pods.go makeEnvironmentVariables."""
    return change == "created" or (change == "started" and taken != "created")


def refresh_delay_s(
    phase: float, jitter: float, sync_period_s: float, sync_jitter: float, watch_s: float
) -> float:
    """From the changed Secret to the changed file in one pod; `phase`, `jitter`: 0..1.

    Source: kubernetes.io/docs concepts/configuration/secret: sync period + propagation delay."""
    return watch_s + phase * sync_period_s * (1.0 + sync_jitter * jitter)


# ---- who holds what ----
class Passwords:
    """Numbers of passwords: in the database, written down in each place, held by each container.

    `delivery` says which place a container reads, and when it takes what is written there."""

    def __init__(self, cluster: Cluster, delivery: Delivery) -> None:
        self.cluster, self.delivery = cluster, delivery
        self.newest = 0
        self.valid = {0}
        self.written: dict[str, int] = {}
        self.held: dict[int, int] = {}
        self.changed_s = cluster.clock.now
        self.all_have_s: float | None = None
        self.rotating = False
        cluster.clock.loop(self.follow())

    def follow(self) -> Loop:
        changes = self.cluster.watch("created", "started", "exit", "removed")
        while True:
            change = yield changes.get()
            if change.container is not None and takes(self.delivery.taken, change.kind):
                self.take(change.container)
            self.look()

    def holders(self) -> list[Container]:
        """Containers that open connections to the database, now or when they start again."""
        names = clients(self.cluster)
        mine = [c for c in self.cluster.containers if c.service in names]
        return [c for c in mine if c.alive or not c.deleting]

    def take(self, c: Container) -> None:
        """The container takes what is written in its place."""
        if c.service not in clients(self.cluster):
            return
        self.held[c.id] = self.delivery.number(self, c)
        self.settle()
        self.look()

    def settle(self) -> None:
        """Tell the data plane who is refused now."""
        for c in self.cluster.containers:
            locked = self.refuses(c)
            if c.service in clients(self.cluster) and c.locked_out != locked:
                self.cluster.lock_out(c, locked)

    def accept(self, valid: set[int]) -> None:
        self.valid = valid
        self.settle()

    def refuses(self, c: Container) -> bool:
        """Would the database refuse it what it was given?"""
        return is_locked_out(self.held.get(c.id, 0), self.valid)

    def look(self) -> None:
        """Remember when the last got it, or went."""
        if self.all_have_s is None and not self.behind():
            self.all_have_s = self.cluster.clock.now

    def behind(self) -> list[Container]:
        return [c for c in self.holders() if self.held.get(c.id, 0) != self.newest]

    def missed(self) -> list[str]:
        """Places whose containers are refused because somebody forgot to write there."""
        if self.rotating:
            return []
        shut_out = [self.delivery.place_of(self.cluster, c) for c in self.holders() if c.locked_out]
        return [p for p in dict.fromkeys(shut_out) if self.written.get(p, 0) != self.newest]

    # ---- what the operator does, from her first rotation on ----
    def write(self, human: Human, places: list[str]) -> Loop:
        """She writes the newest one down in these."""
        for place in places:
            yield from step_of(human, 0, f"edits {self.delivery.edited(place)}")
            self.written[place] = self.newest
        self.delivery.written(self)

    def repair(self, human: Human) -> Loop:
        """Found by an incident: write it where it was forgotten, and hand it out there."""
        for place in self.missed():
            human.say(f"finds the old password in {self.delivery.edited(place)}")
            yield from self.write(human, [place])
            yield from self.delivery.restart(human, place, "", overlap=True)


def clients(cluster: Cluster) -> list[str]:
    """Services with a database connection: workers first, then those that users call."""
    names = [name for name in cluster.stack.services if cluster.stack.pools(name)]
    return sorted(names, key=lambda n: cluster.service(n).role == "http")


# ---- how it is handed out ----
class Delivery(ABC):
    """One way of handing out a password: where it is written, and how a process gets it."""

    taken: ClassVar[Taken] = "started"
    restarts: ClassVar[bool] = True  # somebody has to start processes anew

    @abstractmethod
    def places(self, cluster: Cluster) -> list[str]:
        """Where the password is written down; each is edited by itself, and may be forgotten."""

    @abstractmethod
    def place_of(self, cluster: Cluster, c: Container) -> str: ...

    def number(self, passwords: Passwords, c: Container) -> int:
        """Which password the container gets when it takes what is written."""
        return passwords.written.get(self.place_of(passwords.cluster, c), 0)

    @abstractmethod
    def edited(self, place: str) -> str:
        """What she edits, in words."""

    def written(self, passwords: Passwords) -> None:  # noqa: B027 - most do nothing then
        """The new password stands in its places."""

    def restart(self, human: Human, place: str, database: str, overlap: bool) -> Loop:
        """Give it to the processes that read this place."""
        yield from ()


class Files(Delivery):
    """By hand, Docker: an `.env` on each server, read when a container is created."""

    taken = "created"

    def places(self, cluster: Cluster) -> list[str]:
        names = clients(cluster)
        return [s.name for s in cluster.servers if any(c.service in names for c in cluster.on(s))]

    def place_of(self, cluster: Cluster, c: Container) -> str:
        return c.server.name

    def edited(self, place: str) -> str:
        return f".env on {place}"

    def restart(self, human: Human, place: str, database: str, overlap: bool) -> Loop:
        """`docker compose up -d` recreates whatever has another environment now: the clients, and
        with one user the database too, which has the password among its own settings."""
        yield from step_of(human, 2, f"runs `docker compose up -d` on {place}")
        cluster = human.cluster
        changed = [*clients(cluster), *([] if overlap else [database])]
        mine = [c for c in cluster.containers if c.server.name == place and c.service in changed]
        yield from compose.again(cluster, [c for c in mine if c.server.alive and not c.deleting])


class Manifests(Delivery):
    """By hand, elsewhere: the password in the manifest of each service."""

    taken = "created"

    def places(self, cluster: Cluster) -> list[str]:
        return clients(cluster)

    def place_of(self, cluster: Cluster, c: Container) -> str:
        return c.service

    def edited(self, place: str) -> str:
        return f"the manifest of {place}"

    def restart(self, human: Human, place: str, database: str, overlap: bool) -> Loop:
        yield from human.command(f"the update of {place}")
        yield from roll(human.cluster, place)


@dataclass(frozen=True)
class SecretEnv(Delivery):
    """A Secret that containers get as environment variables: one object, written once; processes
    have it from their next start, so that services are rolled (`kubectl rollout restart`).

    `encrypted_at_rest`: in etcd it is base64 unless encryption is configured.
    Source: kubernetes.io/docs concepts/configuration/secret; facts, kubernetes 1."""

    capability: ClassVar[str] = "secrets"
    rolled_by: ClassVar[str] = "`kubectl rollout restart`"
    kept_in: ClassVar[str] = "the Secret"

    encrypted_at_rest: bool = False

    def places(self, cluster: Cluster) -> list[str]:
        return ["secret"]

    def place_of(self, cluster: Cluster, c: Container) -> str:
        return "secret"

    def edited(self, place: str) -> str:
        return self.kept_in

    def restart(self, human: Human, place: str, database: str, overlap: bool) -> Loop:
        yield from human.command(self.rolled_by)
        for service in clients(human.cluster):
            yield from roll(human.cluster, service)


@dataclass(frozen=True)
class SecretVolumes(SecretEnv):
    """A Secret mounted as a file, which the kubelet refreshes and the process reads at each new
    connection: nothing is restarted, and each pod is late by its own kubelet's turn."""

    capability: ClassVar[str] = "secrets"
    taken: ClassVar[Taken] = "read"
    restarts: ClassVar[bool] = False

    sync_period_s: float = constant(KUBELET_SYNC)
    sync_jitter: float = constant(SYNC_JITTER)
    watch_s: float = constant(WATCH_DELAY)

    def written(self, passwords: Passwords) -> None:
        for c in passwords.holders():
            passwords.cluster.clock.loop(self.refresh(passwords, c, c.run))

    def refresh(self, passwords: Passwords, c: Container, run: int) -> Loop:
        cluster = passwords.cluster
        phase, jitter = cluster.random("kubelet/sync"), cluster.random("kubelet/sync_jitter")
        delay_s = refresh_delay_s(phase, jitter, self.sync_period_s, self.sync_jitter, self.watch_s)
        yield cluster.clock.after(delay_s, Rank.RUNTIME, c.id)
        if c.run == run and c.alive:
            cluster.say("secret", c.name, f"{c.name} has the new password: its file is refreshed")
            passwords.take(c)


# ---- what this run has ----
FILES, MANIFESTS = Files(), Manifests()


def delivery_of(cluster: Cluster) -> Delivery:
    """The platform's, or what an operator has instead."""
    chosen = cluster.choices.secrets
    if isinstance(chosen, Delivery):
        return chosen
    return FILES if cluster.host_ports else MANIFESTS


def passwords_of(cluster: Cluster, delivery: Delivery) -> Passwords:
    """Who holds what in this run: kept from the first rotation on."""
    return cluster.state(delivery, lambda: Passwords(cluster, delivery))


def step_of(human: Human, index: int, text: str) -> Loop:
    """One step of the runbook `rotate_secret`: edit, ALTER ROLE, `up -d`."""
    for step in human.spec.runbooks.get("rotate_secret", [])[index : index + 1]:
        yield from human.work(step.takes, "rotate_secret", text)

"""Self-healing in place: who starts a process again when it ended, and after what wait.

Docker's restart policies live in the Engine (shared facts, orchestrators section 1: moby b985e231
read); CrashLoopBackOff lives in the kubelet (shared facts, kubernetes section 1). The version
emulated: a kubelet that looks again when the back-off expires (MinBackoffExpiration; in which
release it came is not known). An older one looked every 10 to 15 s and overshot by as much. The
feature gates that shorten the back-off are off: ReduceDefaultCrashLoopBackOffDecay (alpha since
1.33) and KubeletCrashLoopBackOffMax (beta since 1.35; it changes nothing until a node sets it).
Left out: image pulls, the requeue's jitter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Container, PortTakenError

MOBY = "moby/moby daemon/internal/restartmanager/restartmanager.go @b985e231"
BACKOFF_START = Fact("docker.backoff_start", 0.1, "s", "Docker's first restart waits", MOBY)
BACKOFF_FACTOR = Fact("docker.backoff_factor", 2.0, "x", "each further wait is longer by", MOBY)
BACKOFF_CAP = Fact("docker.backoff_cap", 60.0, "s", "Docker's longest wait", MOBY)
BACKOFF_RESET = Fact(
    "docker.backoff_reset", 10.0, "s", "after a run of this length the wait starts anew", MOBY
)
KUBELET = (
    "kubernetes/kubernetes pkg/kubelet/kubelet.go; client-go util/flowcontrol/backoff.go @32ce75a7"
)
CRASH_LOOP_START = Fact(
    "kubelet.crash_loop_start", 10.0, "s",
    "the second crash waits so long; the first restarts at once (as of 1.35; the gates "
    "ReduceDefaultCrashLoopBackOffDecay, alpha since 1.33, and KubeletCrashLoopBackOffMax, beta "
    "since 1.35, change it where asked for)",
    KUBELET,
)  # fmt: skip
CRASH_LOOP_FACTOR = Fact("kubelet.crash_loop_factor", 2.0, "x", "growth per crash", KUBELET)
CRASH_LOOP_CAP = Fact("kubelet.crash_loop_cap", 300.0, "s", "CrashLoopBackOff's longest", KUBELET)
CRASH_LOOP_RESET = Fact(
    "kubelet.crash_loop_reset", 600.0, "s",
    "only a run longer than this forgets earlier crashes (2 x cap)", KUBELET,
)  # fmt: skip
PLEG_RELIST = Fact(
    "kubelet.pleg_relist", 1.0, "s", "the kubelet sees an exit at its next listing", KUBELET
)


# ---- rules ----
class Backoff(NamedTuple):
    """Waits between restarts: the first, growth, the longest, and the run that forgets them."""

    start_s: float
    factor: float
    cap_s: float
    reset_s: float


def docker_restart(
    policy: str, exit_code: int, manually_stopped: bool, restart_count: int, max_attempts: int
) -> bool:
    """Does the Engine restart a container that exited? (moby restartmanager.go ShouldRestart.)

    `docker kill` and `docker stop` cancel every policy (daemon/kill.go). `max_attempts` 0: no
    limit; the count is a lifetime budget, which only a start by hand resets."""
    if manually_stopped or policy == "no":
        return False
    if policy == "on-failure":
        return exit_code != 0 and (max_attempts == 0 or restart_count < max_attempts)
    return policy in ("always", "unless-stopped")


def docker_backoff(previous_wait_s: float, ran_s: float, by: Backoff) -> float:
    """The next wait: 0.1 s, doubling to 60 s, from the start again after a run of 10 s.

    Source: moby restartmanager.go. `previous_wait_s` 0: no restart yet."""
    if previous_wait_s == 0.0 or ran_s >= by.reset_s:
        return by.start_s
    return min(previous_wait_s * by.factor, by.cap_s)


def daemon_starts(policy: str, exit_code: int, manually_stopped: bool) -> bool:
    """Does dockerd start this container when it starts itself, after a reboot?

    Source: moby daemon/daemon.go restore(); shared facts, orchestrators 1.3. A power loss is
    recorded as exit 255. Only unless-stopped remembers a stop by hand; no depends_on order."""
    if policy == "on-failure":
        return exit_code != 0
    return policy == "always" or (policy == "unless-stopped" and not manually_stopped)


def crash_loop_backoff(level_s: float, ran_s: float, by: Backoff) -> tuple[float, float]:
    """CrashLoopBackOff: (wait from the finish time, level for the next crash).

    `level_s` 0: no crash remembered. Source: kubelet doBackOff with client-go backoff.go: at once,
    then 10, 20, 40 .. 300 s; a run of more than 600 s forgets, a shorter one lowers nothing."""
    if level_s == 0.0 or ran_s > by.reset_s:
        return 0.0, by.start_s
    return level_s, min(level_s * by.factor, by.cap_s)


# ---- controllers ----
def start_again(cluster: Cluster, c: Container, how: str) -> None:
    """Start it; a start that itself fails ends the loop (moby daemon/monitor.go)."""
    cluster.set_restarting(c, False)
    try:
        cluster.start(c, again=True)
    except PortTakenError as taken:
        cluster.say("port_taken", c.name, f"{c.name} could not be restarted: {taken}")
        return
    cluster.say("restart", c.name, f"{c.name} {how}")
    cluster.acted()


@dataclass(frozen=True)
class DockerRestarts:
    """The Engine's restart manager. It is always there; what it does is the service's `restart:`,
    and that is "no" unless somebody writes it into the file."""

    capability: ClassVar[str] = "self_healing"

    start_s: float = constant(BACKOFF_START)
    factor: float = constant(BACKOFF_FACTOR)
    cap_s: float = constant(BACKOFF_CAP)
    reset_s: float = constant(BACKOFF_RESET)

    @property
    def backoff(self) -> Backoff:
        return Backoff(self.start_s, self.factor, self.cap_s, self.reset_s)

    def run(self, cluster: Cluster) -> Loop:
        changes = cluster.watch("exit", "server_up", "daemon_up")
        memory: dict[int, Restarts] = {}
        while True:
            change = yield changes.get()
            if change.container is not None:
                self.exited(cluster, change.container, memory)
            elif change.server is not None and change.server.alive:
                when = "at boot" if change.kind == "server_up" else "when it is up"
                for c in [c for c in cluster.on(change.server) if c.state == "exited"]:
                    self.begins(cluster, c, when)

    def begins(self, cluster: Cluster, c: Container, when: str) -> None:
        """The daemon has come up: does it start this one?"""
        policy = cluster.service(c.service).restart
        if not c.deleting and daemon_starts(policy, c.exit_code or 0, c.manually_stopped):
            start_again(cluster, c, f"started by Docker {when} (restart: {policy})")

    def exited(self, cluster: Cluster, c: Container, known: dict[int, Restarts]) -> None:
        service = cluster.service(c.service)
        past = known.setdefault(c.id, Restarts())
        if past.run != c.run:  # somebody started it by hand: the budget is whole again
            past.count, past.wait_s = 0, 0.0
        attempts = service.restart_attempts or 0
        if (
            c.deleting
            or not c.server.daemon
            or not docker_restart(
                service.restart, c.exit_code or 0, c.manually_stopped, past.count, attempts
            )
        ):
            return
        past.wait_s = docker_backoff(past.wait_s, cluster.clock.now - c.started_s, self.backoff)
        past.count, past.run = past.count + 1, c.run + 1
        cluster.set_restarting(c, True)
        cluster.clock.loop(self.again(cluster, c, past.wait_s, f"restart: {service.restart}"))

    def again(self, cluster: Cluster, c: Container, wait_s: float, policy: str) -> Loop:
        run = c.run
        yield cluster.clock.after(wait_s, Rank.RUNTIME, c.id)
        if c.run != run or not c.restarting or not c.server.alive:
            return
        if c.manually_stopped or c.deleting or not c.server.daemon:
            cluster.set_restarting(c, False)
        else:
            start_again(cluster, c, f"restarted by Docker after {wait_s:g} s ({policy})")


@dataclass
class Restarts:
    """What a restart manager remembers of one container."""

    count: int = 0
    wait_s: float = 0.0
    run: int = 0  # the process that its last restart began


@dataclass(frozen=True)
class KubeletRestarts:
    """restartPolicy Always: the same pod on the same server, with CrashLoopBackOff."""

    capability: ClassVar[str] = "self_healing"
    stopped_with: ClassVar[str] = "kubectl delete pod"
    shims: ClassVar[bool] = True  # containers outlive a restart of containerd

    relist_s: float = constant(PLEG_RELIST)
    start_s: float = constant(CRASH_LOOP_START)
    factor: float = constant(CRASH_LOOP_FACTOR)
    cap_s: float = constant(CRASH_LOOP_CAP)
    reset_s: float = constant(CRASH_LOOP_RESET)

    @property
    def backoff(self) -> Backoff:
        return Backoff(self.start_s, self.factor, self.cap_s, self.reset_s)

    def run(self, cluster: Cluster) -> Loop:
        changes = cluster.watch("exit", "server_up")
        levels: dict[int, float] = {}  # per container; a replaced pod starts clean
        while True:
            change = yield changes.get()
            if change.container is not None:
                c = change.container
                if not c.deleting:
                    ran_s = c.finished_s - c.started_s
                    level_s = levels.get(c.id, 0.0)
                    wait_s, levels[c.id] = crash_loop_backoff(level_s, ran_s, self.backoff)
                    cluster.set_restarting(c, True)
                    cluster.clock.loop(self.again(cluster, c, wait_s))
            elif change.server is not None:
                for c in [c for c in cluster.on(change.server) if c.state == "exited"]:
                    levels.pop(c.id, None)  # the kubelet's memory went with the machine
                    if not c.deleting:
                        start_again(cluster, c, "restarted in place after the server's reboot")

    def again(self, cluster: Cluster, c: Container, wait_s: float) -> Loop:
        run = c.run
        seen_s = cluster.random("kubelet/relist") * self.relist_s
        yield cluster.clock.after(max(seen_s, wait_s), Rank.RUNTIME, c.id)
        if c.run != run or c.state != "exited" or not c.server.alive:
            return
        if c.deleting:
            cluster.set_restarting(c, False)
            return
        after = f"after {wait_s:g} s of CrashLoopBackOff" if wait_s else "at once"
        start_again(cluster, c, f"restarted by the kubelet {after}")

"""The kubelet's restarts: the same container on the same server, with CrashLoopBackOff.

Rules: shared facts, kubernetes section 1. Left out: the kubelet's requeue jitter (newer kubelets
requeue at the back-off's expiry), image pulls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Container
from sim.control.self_healing.restarts import Backoff, start_again

KUBELET = "kubernetes/kubernetes pkg/kubelet/kubelet.go; client-go util/flowcontrol/backoff.go"
CRASH_LOOP_START = Fact(
    "kubelet.crash_loop_start", 10.0, "s",
    "the second crash waits so long; the first restarts at once", KUBELET,
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
CRASH_LOOP = Backoff(
    CRASH_LOOP_START.value, CRASH_LOOP_FACTOR.value, CRASH_LOOP_CAP.value, CRASH_LOOP_RESET.value
)


def crash_loop_backoff(
    level_s: float, ran_s: float, by: Backoff = CRASH_LOOP
) -> tuple[float, float]:
    """CrashLoopBackOff: (wait from the finish time, level for the next crash).

    `level_s` 0: no crash remembered. Source: kubelet doBackOff with client-go backoff.go: at once,
    then 10, 20, 40 .. 300 s; a run of more than 600 s forgets, a shorter one lowers nothing."""
    if level_s == 0.0 or ran_s > by.reset_s:
        return 0.0, by.start_s
    return level_s, min(level_s * by.factor, by.cap_s)


@dataclass(frozen=True)
class KubeletRestarts:
    """restartPolicy Always: the same pod on the same server, with CrashLoopBackOff."""

    capability: ClassVar[str] = "self_healing"
    name: ClassVar[str] = "kubelet_restarts"
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

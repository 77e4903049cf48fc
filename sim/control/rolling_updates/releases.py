"""What canary and blue/green share: one new version on its way, and a controller that decides how
far it is let in.

The controller says it by `cluster.split`; replicas.py sizes the versions by the strategy's pure
rule, endpoints.py obeys the selector. Rules: argoproj/argo-rollouts rollout/ and docs/features
(shared facts, kubernetes section 7). A database or queue has no such release: its StatefulSet is
updated in place.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from sim.constants.facts import Fact
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Split
from sim.control.core.records import STATEFUL
from sim.control.rolling_updates.analysis import Analysis, AnalysisRun
from sim.control.scheduling.replicas import keep_unscheduled
from sim.schema.scenario import Version

DEFAULTS = "argoproj/argo-rollouts utils/defaults/defaults.go @03055326"
DEADLINE = Fact(
    "argo.progress_deadline",
    600.0,
    "s",
    "without progress for so long a condition is set",
    DEFAULTS,
)
ABORT_DELAY = Fact(
    "argo.abort_scale_down_delay", 30.0, "s",
    "after an abort a full second set is kept so long (a canary without traffic routing is not)",
    DEFAULTS + ", docs/features/scaledown-aborted-rs.md",
)  # fmt: skip
ABORT_AT_DEADLINE = Fact(
    "argo.progress_deadline_abort", False, "", "the deadline does not abort by itself",
    "argoproj/argo-rollouts docs/features/specification.md progressDeadlineAbort",
)  # fmt: skip


class Release(ABC):
    """One version on its way. Subclasses say how it begins and what a change means."""

    word = "release"

    def __init__(
        self, cluster: Cluster, service: str, stable: Version, min_ready_s: float = 0.0
    ) -> None:
        self.cluster, self.service, self.stable = cluster, service, stable
        self.version, self.min_ready_s = cluster.versions[service], min_ready_s
        self.began_s = self.progress_s = cluster.clock.now
        self.most = 0  # available replicas of the new version, at best
        self.over = False  # complete, aborted, or another version is wanted
        self.replaced = False  # another version is wanted
        self.promoted = False  # from now on this one is the stable version
        self.paused = False  # waiting on purpose: the deadline does not run

    # ---- what subclasses fill in ----
    @abstractmethod
    def begin(self) -> None: ...

    @abstractmethod
    def look(self) -> None:
        """Something changed."""

    @abstractmethod
    def abort(self, why: str) -> None: ...

    # ---- what they use ----
    def say(self, text: str) -> None:
        text = f"{self.word} of {self.service} {self.version.name} {text}"
        self.cluster.say("rollout", self.service, text)

    def share(self, new: float, old: float, active: Version | None = None) -> None:
        """Let both versions have so much of the wanted replicas, and `active` alone the users."""
        self.progress_s = self.cluster.clock.now
        self.cluster.split(self.service, Split(self.version, self.stable, new, old, active))

    def wanted(self) -> int:
        return self.cluster.desired[self.service]

    def available(self, version: Version) -> int:
        """Replicas of a version that have been ready for long enough."""
        since = self.cluster.clock.now - self.min_ready_s
        return sum(
            c.ready and c.ready_since_s is not None and c.ready_since_s <= since
            for c in self.cluster.of(self.service)
            if c.version == version and not c.deleting
        )

    def progressed(self) -> int:
        """Available replicas of the new version; more than ever is progress."""
        available = self.available(self.version)
        if available > self.most:
            self.most, self.progress_s = available, self.cluster.clock.now
        return available

    def key(self) -> int:
        return list(self.cluster.versions).index(self.service)

    def wait(self, delay_s: float) -> Loop:
        yield self.cluster.clock.after(delay_s, Rank.RELEASE, self.key())

    def look_later(self, ident: int) -> Loop:
        """A replica that is ready becomes available without another event."""
        yield self.cluster.clock.after(self.min_ready_s, Rank.RELEASE_STATUS, ident)
        if not self.over:
            self.look()

    def deadline(self, deadline_s: float, aborts: bool) -> Loop:
        """Tell once when nothing moves; abort only where that is asked for."""
        clock = self.cluster.clock
        while not self.over:
            due = clock.now + deadline_s if self.paused else self.progress_s + deadline_s
            if due <= clock.now:
                text = f"made no progress for {deadline_s:.0f} s"
                self.say(f"{text}: ProgressDeadlineExceeded" + ("" if aborts else ", it waits"))
                if aborts:
                    self.abort(text)
                return
            yield clock.at(due, Rank.RELEASE_DEADLINE, self.key())

    def analyse(self, analysis: Analysis) -> Loop:
        """Measure each interval for as long as the release lasts; abort when it is not good."""
        run = AnalysisRun(analysis, self.cluster, self.service, self.version)
        while True:
            yield from self.wait(analysis.interval_s)
            if self.over:
                return
            state = run.measure()
            if state != "running":
                self.cluster.acted()
                self.abort(run.found if state == "failed" else f"{run.found} for too long")
                return


def releases(cluster: Cluster, make: Callable[[str, Version], Release]) -> Loop:
    """Begin a release at each new version, and tell it what happens to its replicas.

    `make(service, stable)`: the version that was promoted last comes along."""
    keep_unscheduled(cluster)
    changes = cluster.watch(
        "version", "desired", "created", "removed", "ready", "unready", "stopping", "exit"
    )
    stable, current = dict(cluster.versions), dict[str, Release]()
    while True:
        change = yield changes.get()
        service = change.container.service if change.container is not None else change.service
        if service not in stable or cluster.service(service).role in STATEFUL:
            continue
        if change.kind == "version":
            earlier = current.pop(service, None)
            if earlier is not None:
                earlier.over = earlier.replaced = True
                stable[service] = earlier.version if earlier.promoted else earlier.stable
            current[service] = make(service, stable[service])
            current[service].begin()
        elif service in current and not current[service].over:
            release = current[service]
            release.look()
            if change.kind == "ready" and release.min_ready_s and change.container is not None:
                cluster.clock.loop(release.look_later(change.container.id))

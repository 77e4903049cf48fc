"""The kubelets' part in keeping replicas: from a bound replica to a process.

Images are pulled one at a time per server and kept; a volume moves only when its last server let it
go. Rules: shared facts, kubernetes section 1 (start, image pulls). Left out: image layers that
versions share; the pull that a tag `latest` asks for at each start.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.constants.facts import Fact, constant
from sim.control.core.choices import Maintaining
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Container, Trouble
from sim.control.core.containers import PRE_STOP_EXTENSION
from sim.control.health_checks.probes import GRACE
from sim.schema.fields import LawSpec

PULL_RATE = Fact(
    "kubelet.pull_rate", 25.0 * 1024**2, "bytes/s",
    "pull and unpack of an image that the server lacks; one image at a time per server",
    "chosen (413 MB start on Fargate in 53-62 s, elasticscale 2024, provisioning included); "
    "serial: kubernetes/kubernetes pkg/kubelet/apis/config/v1beta1/defaults.go @1c9cf914",
)  # fmt: skip
POD_START = Fact(
    "kubelet.pod_start", 0.94, "s",
    "mean time from the created pod to its started process, image present; lognormal",
    "Kubernetes blog 2015: p50/p90/p99 0.90/1.29/1.59 s",
)  # fmt: skip
POD_START_CV = Fact(
    "kubelet.pod_start_cv", 0.29, "", "deviation / mean of that time", "the same percentiles"
)
VOLUME_DETACH = Fact(
    "kubelet.volume_detach", 360.0, "s",
    "a volume is taken by force from a server that went without unmounting it",
    "kubernetes.io/docs cluster-administration/node-shutdown @0637786b",
)  # fmt: skip
VOLUME_ATTACH = Fact(
    "kubelet.volume_attach", 60.0, "s",
    "a volume that was let go is attached to another server and mounted",
    "measured by a user on EKS after a drain: about 1 min, and about 9 min where the instance had "
    "gone (kubernetes-sigs/aws-ebs-csi-driver issue 861, 2021; 7 min in issue 542, 2020)",
)  # fmt: skip

PIN = Fact(
    "operator.pin", 300.0, "s", "mean time to see where the rows are, and to hold the task to that",
    "chosen: 2 to 15 min", fixed="of an event; the stack's operator has her other times",
)  # fmt: skip

IMAGES = "kubernetes.io/docs concepts/containers/images, ImagePullBackOff; kubelet.go imageBackOff"
PULL_BACKOFF = Fact("kubelet.pull_backoff", 10.0, "s", "after a failed pull; doubles", IMAGES)
PULL_BACKOFF_CAP = Fact("kubelet.pull_backoff_cap", 300.0, "s", "... up to this", IMAGES)


@dataclass(frozen=True)
class Kubelet:
    """How a server starts what is bound to it. `volume_moves`: disks are the cloud's, and follow;
    else each is a part of its server, and what needs it waits for that one."""

    pull_rate: float = constant(PULL_RATE, above_zero=True)
    start_mean_s: float = constant(POD_START)
    start_cv: float = constant(POD_START_CV)
    volume_detach_s: float = constant(VOLUME_DETACH)
    volume_attach_s: float = constant(VOLUME_ATTACH)
    grace_s: float = constant(GRACE)  # where no rollout brings one
    pre_stop_extension_s: float = constant(PRE_STOP_EXTENSION)
    volume_moves: bool = True
    pull_backoff_s: float = constant(PULL_BACKOFF, above_zero=True)
    pull_backoff_cap_s: float = constant(PULL_BACKOFF_CAP, above_zero=True)
    pulls: bool = True  # from the team's registry; else from a copy that the provider keeps


@dataclass(frozen=True)
class TaskAgent(Kubelet):
    """How a server starts a task where there are no pods: nothing moves a volume, and only a
    kubelet extends a stop."""

    volume_moves: bool = False
    volume_detach_s: float = 0.0
    pre_stop_extension_s: float = 0.0


def pull_wait_s(failures: int, first_s: float, cap_s: float) -> float:
    """How long until the next try after so many failed pulls: doubling, up to the cap.

    Source: client-go util/flowcontrol/backoff.go Next."""
    return float(min(first_s * 2.0 ** min(failures - 1, 60), cap_s))


def rented(cluster: Cluster, c: Container) -> bool:
    """Is it on a server that somebody here maintains, though tasks have machines of their own?"""
    scheduling = cluster.choices.scheduling
    return isinstance(scheduling, Maintaining) and c.server in scheduling.maintained(cluster)


def startable(c: Container) -> bool:
    """Does it wait for a process, on a server that can start one?"""
    return c.state in ("created", "exited") and c.server.alive and not c.deleting


class Kubelets:
    """Images on each server, and starts in progress."""

    def __init__(self, cluster: Cluster, kubelet: Kubelet) -> None:
        self.cluster, self.kubelet = cluster, kubelet
        self.images = {(c.server.id, c.service, c.version.image) for c in cluster.containers}
        self.puller_free_s: dict[int, float] = {}
        self.volume_free_s: dict[str, float] = {}

    def launch(self, c: Container) -> Loop:
        """Pull the image if it is not there, then create and start the container."""
        cluster, run = self.cluster, c.run
        if not c.server.answers:
            return  # it hears of it later
        if rented(cluster, c):
            if startable(c):
                cluster.start(c)  # Docker on a rented server: its image is there, it needs no task
            return
        yield from self.available(c)
        law = LawSpec(law="lognormal", mean=self.kubelet.start_mean_s, cv=self.kubelet.start_cv)
        begin = max(self.pulled(c), self.mounted(c))
        begin += cluster.duration(law, f"pod_start/{c.service}")
        yield cluster.clock.at(begin, Rank.RUNTIME, c.id)
        if startable(c) and c.run == run:
            self.begins_anew(c)
            cluster.start(c)

    def begins_anew(self, c: Container) -> None:
        """Where nothing holds it to the server of its disk, a local volume is made on another one,
        and is empty. A queue goes on so; that a database has no tables, a person finds."""
        cluster, service, volume = self.cluster, c.service, self.cluster.volumes.get(c.service)
        if volume is None or volume.moves:
            return
        found = [t for t in cluster.troubles if (t.kind, t.subject) == ("empty", service)]
        if volume.server is c.server:
            for trouble in found:
                cluster.ended(trouble)
        elif cluster.service(service).role != "postgres":
            cluster.begin_anew(service, c.server)
        elif not found:
            home = volume.server.name
            cluster.trouble(Trouble(
                "empty", service, f"{c.name} has no tables: the rows of {service} are on {home}",
                f"constrain {service} to {home}, and deploy that",
                LawSpec(law="lognormal", mean=PIN.value, cv=0.5), lambda: cluster.pin(service),
            ))  # fmt: skip

    def available(self, c: Container) -> Loop:
        """Wait until its image can be had: it is there, or the registry gives it out. Who has
        backed off looks again when that is over, and not when the registry is back."""
        image, run, failures = (c.server.id, c.service, c.version.image), c.run, 0
        while self.kubelet.pulls and image not in self.images:
            if self.cluster.pullable(c.service) or c.run != run or not startable(c):
                return
            failures += 1
            wait_s = pull_wait_s(
                failures, self.kubelet.pull_backoff_s, self.kubelet.pull_backoff_cap_s
            )
            text = f"{c.name} waits for its image: the pull fails, again in {wait_s:g} s"
            self.cluster.say("image_pull", c.name, text)
            yield self.cluster.clock.after(wait_s, Rank.RUNTIME, c.id)

    def mounted(self, c: Container) -> float:
        """When its volume is there: at once where it is, else once it is free and attached."""
        now, volume = self.cluster.clock.now, self.cluster.volumes.get(c.service)
        if volume is None or not volume.moves:
            return now
        free = max(now, self.volume_free_s.get(c.service, 0.0))
        return free if volume.server is c.server else free + self.kubelet.volume_attach_s

    def pulled(self, c: Container) -> float:
        """When the image is there: servers pull one after the other, and keep what they have."""
        image, now = (c.server.id, c.service, c.version.image), self.cluster.clock.now
        if image not in self.images:
            self.images.add(image)
            begins = max(now, self.puller_free_s.get(c.server.id, 0.0))
            size = self.cluster.service(c.service).image_size
            self.puller_free_s[c.server.id] = begins + size / self.kubelet.pull_rate
            return self.puller_free_s[c.server.id]
        return now

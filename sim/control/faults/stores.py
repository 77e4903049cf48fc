"""What lies somewhere and is not there when it is needed: images, disk space, rows, a certificate.

Each leaves a `Trouble` that a person can find and end, if anybody of ours can. Sources: Docker
manual, json-file logging driver (`max-size` unlimited by default) and Swarm, which uses it;
kubernetes.io/docs logging (containerLogMaxSize 10Mi, 5 files), Nomad `logs` (10 files of 10 MB),
Fargate and Cloud Run send them away; PostgreSQL manual, Disk Full Failure; GitLab.com, post-mortem
of 31 January 2017; AWS Certificate Manager and Cloud Run renew their certificates themselves.
"""

from __future__ import annotations

from sim.constants.facts import Fact
from sim.control.core.choices import DOCKER_STOP, Maintaining, stop_command
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Cluster, Trouble
from sim.schema import scenario as events
from sim.schema.fields import LawSpec
from sim.schema.stack_checks import resolve

MAKE_ROOM = Fact(
    "operator.make_room", 600.0, "s", "mean time to find what fills a disk and to delete it",
    "chosen: 5 to 30 min", fixed="of an event; the stack's operator has her other times",
)  # fmt: skip
RENEW = Fact(
    "operator.renew_certificate", 1200.0, "s", "mean time to get a new certificate and load it",
    "chosen: 10 min to hours (Microsoft Teams, 3 February 2020: about 3 h)",
    fixed="of an event; the stack's operator has her other times",
)  # fmt: skip
PUSH = Fact(
    "operator.push_image", 300.0, "s", "mean time to build an image and push it",
    "chosen: 2 to 10 min", fixed="of an event; the stack's operator has her other times",
)  # fmt: skip


def usually(fact: Fact[float]) -> LawSpec:
    """Her time for a repair: lognormal, deviation half its mean (chosen)."""
    return LawSpec(law="lognormal", mean=fact.value, cv=0.5)


# ---- images ----
def registry_down(cluster: Cluster, spec: events.RegistryDown) -> Loop:
    cluster.say("registry_down", "registry", "the registry refuses every pull")
    cluster.set_registry(True)
    yield cluster.clock.after(spec.lasts, Rank.FAULT_ENDS)
    cluster.say("registry", "registry", "the registry gives out images again")
    cluster.set_registry(False)


def image_missing(cluster: Cluster, spec: events.ImageMissing) -> Loop:
    service = resolve(cluster.stack, spec.service)
    cluster.say("image_missing", service, f"the image of {service} cannot be pulled any more")
    cluster.set_image(service, True)

    def pushed() -> None:
        cluster.say("registry", service, f"the image of {service} is there again")
        cluster.set_image(service, False)

    trouble = Trouble(
        "image_missing", service, f"the registry has no image of {service}",
        f"build {service} and push it", usually(PUSH), pushed,
    )  # fmt: skip
    cluster.trouble(trouble)
    if spec.lasts is not None:
        yield cluster.clock.after(spec.lasts, Rank.FAULT_ENDS)
        if cluster.ended(trouble):
            pushed()


# ---- disks ----
def bounded_logs(cluster: Cluster) -> bool:
    """Does whoever runs containers here bound what they log? All but Docker's own driver do."""
    return not cluster.host_ports and stop_command(cluster.choices) != DOCKER_STOP


def disk_full(cluster: Cluster, spec: events.DiskFull) -> None:
    service = resolve(cluster.stack, spec.service)
    volume = cluster.volumes.get(service)
    why = "" if volume is not None else f"{service} keeps nothing on a disk"
    if spec.by == "logs" and bounded_logs(cluster):
        why = "whoever runs containers here bounds their logs"
    if volume is None or why:
        cluster.say("disk_full", service, f"no disk fills up: {why}")
        return
    what = "logs without max-size have filled" if spec.by == "logs" else "data has filled"
    cluster.say("disk_full", service, f"{what} the disk of {service}")
    cluster.fill(service, True)

    def freed() -> None:
        cluster.say("disk_freed", service, f"there is room on the disk of {service} again")
        cluster.fill(service, False)

    bound = "truncate the logs, set max-size"
    done = bound if spec.by == "logs" else "delete old data, enlarge the disk"
    cluster.trouble(Trouble(
        "disk_full", service, f"no space is left on the disk of {service}",
        done, usually(MAKE_ROOM), freed,
    ))  # fmt: skip


def data_deleted(cluster: Cluster, spec: events.DataDeleted) -> None:
    service = resolve(cluster.stack, spec.service)
    volume = cluster.volumes.get(service)
    if volume is None or volume.lost:
        cluster.say("data_deleted", service, f"{service} has nothing that could be deleted")
        return
    cluster.say("data_deleted", service, f"somebody deletes all that {service} has on its disk")
    cluster.erase(service)
    backup = cluster.service(service).backup
    law = LawSpec(law="lognormal", mean=backup.restore, cv=backup.restore_cv)

    cluster.trouble(Trouble(
        "data_deleted", service, f"the files of {service} are gone",
        f"restore {service}'s backup", law, lambda: cluster.restore(service, volume.server),
    ))  # fmt: skip


def cache_flush(cluster: Cluster, spec: events.CacheFlush) -> None:
    cache = resolve(cluster.stack, spec.service)
    held = cluster.caches()[cache].entries
    cluster.say("cache_flush", cache, f"{cache} is flushed: it forgets {held:,} entries")
    cluster.flush(cache)


# ---- certificates ----
def certificate_expired(cluster: Cluster, spec: events.CertificateExpired) -> None:
    """Clients refuse the handshake; a provider's own balancer renews in time."""
    if isinstance(cluster.choices.scheduling, Maintaining):
        text = "no certificate expires: the provider renews its balancer's"
        cluster.say("certificate_expired", cluster.entry, text)
        return
    text = "the certificate of the entry has expired: users' clients refuse it"
    cluster.say("certificate_expired", cluster.entry, text)
    cluster.close(True)

    def renewed() -> None:
        cluster.say("certificate", cluster.entry, "the entry has a new certificate")
        cluster.close(False)

    cluster.trouble(Trouble(
        "certificate_expired", cluster.entry, "the certificate has expired",
        "`certbot renew`, and reload", usually(RENEW), renewed,
    ))  # fmt: skip

"""The article's closing table and its general claims, as data: what each is checked with.

`ROWS`: the ten capabilities in the article's order, each with a scenario in which it matters.
`ARTICLE`: all that it claims, by id. `CLAIMS`: how the general ones are decided on those rows:
N1-N10 ("production needs it, and Compose gives you none of these"), K1-K11 (Kubernetes "solves").
`NOT_CHECKABLE`: what no run can decide. Claims about single failures (BF, S, T, Y) stand in the
scenarios. Sources: docs/facts/article.md; orchestrators.md section 10.
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class ArticleRow(NamedTuple):
    """A line of the article's table: `Problem | Docker Compose | Kubernetes`."""

    capability: str  # field of Platform
    problem: str
    compose: str  # what the article says it is there
    kubernetes: str
    scenario: str  # SCENARIO or SCENARIO:VARIANT
    metric: str  # of MEASURES: what this capability protects


ROWS = (
    ArticleRow(
        "self_healing", "A container crashes", "restart by hand", "restarted by itself",
        "container_crash:every_replica", "downtime_s",
    ),
    ArticleRow(
        "autoscaling", "Fifty times the traffic", "rent and configure servers", "HPA",
        "black_friday:rush", "downtime_s",
    ),
    ArticleRow(
        "load_balancing", "One replica is not enough", "HAProxy by hand", "built in",
        "manual_scaling:no_mistake", "failed",
    ),
    ArticleRow(
        "service_discovery", "Addresses change", "a file, edited by hand", "dynamic",
        "moving_target", "downtime_s",
    ),
    ArticleRow(
        "rolling_updates", "A new version goes out", "stop, then start", "without downtime",
        "bad_rollout:good", "downtime_s",
    ),
    ArticleRow(
        "rollback", "A bad version went out", "build the old one again", "one command",
        "bad_rollout:errors", "minutes",
    ),
    ArticleRow(
        "health_checks", "A process hangs", "users notice", "liveness and readiness",
        "sick_container", "failed",
    ),
    ArticleRow(
        "resource_limits", "A neighbour leaks memory", "it takes the others' too", "limits",
        "noisy_neighbour", "failed",
    ),
    ArticleRow(
        "secrets", "A password is rotated", "edit `.env` on every server", "one place, encrypted",
        "secret_rotation:two_users", "minutes",
    ),
    ArticleRow(
        "scheduling", "A server is gone for good", "one server is one fate", "several servers",
        "server_crash:gone", "downtime_s",
    ),
)  # fmt: skip


class Measure(NamedTuple):
    """A figure of sim.results.figures by which the table decides."""

    path: str
    heading: str
    margin: float  # a loss must move so far before it counts
    axis: str  # its name on the picture


# by the names that the table's files use
MEASURES = {
    "downtime_s": Measure("downtime_s", "down", 5.0, "time down"),
    "failed": Measure("requests.failed", "failed", 20.0, "failures"),
    "jobs_lost": Measure("jobs.lost", "jobs lost", 5.0, "jobs lost"),
    "minutes": Measure("operator.minutes", "by hand", 1.0, "work by hand"),
}


class GeneralClaim(NamedTuple):
    """A general claim, checked on a row. `because`: said where it does not hold.

    `kind` needed: Kubernetes loses more without it, and so does Compose, which leaves that choice
    empty; solved: the platform's figure (`metric`) is at most `limit`; lacks: the platform leaves
    the choice empty and its figure is above `limit`; encrypted: Kubernetes' Secrets are, at rest.
    """

    id: str
    says: str
    capability: str
    kind: Literal["needed", "solved", "lacks", "encrypted"]
    limit: float = 0.0
    metric: str = ""  # default: the row's own
    because: str = ""
    platform: str = "kubernetes"  # of `solved` and `lacks`; others count only where they were run


# what the article says that production needs, in the order of ROWS; why it does not hold, where it
# does not
NEEDS = (
    ("self-healing", "Docker Engine restarts what crashed if the file says `restart:`; only what "
     "was killed by hand stays down"),
    ("autoscaling", ""),
    ("load balancing", "Compose brings none, and nothing keeps HAProxy out of the same file"),
    ("service discovery", ""),
    ("rolling updates", ""),
    ("rollback", ""),
    ("health checks", "Docker has HEALTHCHECK, which labels; a container beside it that restarts "
     "what is labelled is five lines of the file"),
    ("resource limits", "`mem_limit` and `cpus` are cgroup limits like those of Kubernetes, and as "
     "there nobody gets one without writing it"),
    ("secrets management", "on one server `.env` is one place, too, and the work is the same; what "
     "Kubernetes loses without it is one place for several servers "
     "(secret_rotation:missed_server)"),
    ("several servers", ""),
)  # fmt: skip
CLAIMS = (
    *(GeneralClaim(f"N{i}", f"{need}: production needs it, and Compose has none", row.capability,
                   "needed", because=because)
      for i, (row, (need, because)) in enumerate(zip(ROWS, NEEDS, strict=True), start=1)),
    GeneralClaim(
        "K1", "a crashed container restarts by itself", "self_healing", "solved", 30.0,
        because="it restarts at once and boots no faster than elsewhere",
    ),
    GeneralClaim(
        "K2", "several servers: users do not see the loss of one without the database",
        "scheduling", "solved", 60.0,
        because="the containers of a lost server move after 350 s",
    ),
    GeneralClaim("K3", "load balancing is built in", "load_balancing", "solved", 50.0),
    GeneralClaim(
        "K4", "the HPA scales with the traffic", "autoscaling", "solved", 60.0,
        because="it needs requests, a metrics pipeline and servers, which take minutes to boot",
    ),
    GeneralClaim(
        "K5", "rolling updates are without downtime", "rolling_updates", "solved", 0.0, "failed",
        because="a replica that stops gets connections until every server has learned of it; a "
        "preStop sleep hides that, and nobody gets one without writing it",
    ),
    GeneralClaim(
        "K6", "a rollback is one command", "rollback", "solved", 3.0,
        because="the command is one; before it somebody finds out that it is the deploy, and that "
        "takes the minutes",
    ),
    GeneralClaim(
        "K7", "probes take a hung process out and restart it", "health_checks", "solved", 60.0,
        because="probes are opt-in, and three of them must fail first",
    ),
    GeneralClaim(
        "K8", "secrets are encrypted", "secrets", "encrypted",
        because="a Secret is base64 in etcd unless somebody configures encryption at rest",
    ),
    GeneralClaim("K9", "a limit holds a leak", "resource_limits", "solved", 60.0, "downtime_s"),
    GeneralClaim("K10", "addresses are discovered", "service_discovery", "solved", 5.0),
    GeneralClaim(
        "K11", "three replicas are declared, and the system keeps them over the loss of a server",
        "scheduling", "solved", 1.0, "minutes",
    ),
    GeneralClaim("A1", "Swarm has no HPA", "autoscaling", "lacks", 60.0, platform="swarm"),
    GeneralClaim(
        "A1-features", "Swarm has fewer features: rolling updates lose requests", "rolling_updates",
        "lacks", 0.0, "failed", platform="swarm",
        because="it updates one task at a time, behind health checks, and takes each out of the "
        "balancer two seconds before it stops; autoscaling is what it has not",
    ),
    GeneralClaim(
        "A2", "managed services work well: ECS on Fargate scales with the traffic", "autoscaling",
        "solved", 60.0, platform="ecs_fargate",
        because="target tracking waits for three one-minute datapoints; AWS itself measured 363 s "
        "to the trigger. What is fifty times as much has long been down, and the balancer's health "
        "checks replace tasks that are only busy",
    ),
    GeneralClaim(
        "A2-run", "managed services work well: Cloud Run scales with the traffic", "autoscaling",
        "solved", 60.0, platform="cloud_run",
    ),
    GeneralClaim(
        "A3", "Nomad is excellent: a crashed container restarts by itself", "self_healing",
        "solved", 30.0, platform="nomad",
        because="it waits 15 s and jitter before each restart",
    ),
    GeneralClaim(
        "A3-server", "Nomad is excellent: users do not see the loss of a server that has not the "
        "database", "scheduling", "solved", 60.0, platform="nomad",
        because="the database has one replica, and if it stood there it waits for its volume, as "
        "on any platform",
    ),
)  # fmt: skip


class Said(NamedTuple):
    """One of the article's claims, in our words. `opinions`: parts of it that no run can decide,
    by their names in NOT_CHECKABLE."""

    id: str
    says: str
    platform: str  # whom it is about
    opinions: tuple[str, ...] = ()


SOLVES = (
    "containers restart by themselves", "several servers", "load balancing", "scaling (HPA)",
    "rolling updates without downtime", "rollback in one command", "liveness and readiness",
    "encrypted secrets", "fine-grained limits", "dynamic discovery",
)  # fmt: skip
ARTICLE = (  # docs/facts/article.md; tests/test_claims.py compares the ids
    Said("BF1", "fifty times the traffic: one server has not the resources, and starting fifty "
         "workers on it does not help", "compose"),
    Said("BF2", "the database is overwhelmed by scaling the containers", "compose"),
    Said("BF3", "scaling by hand takes 3-4 hours, and by then it is over", "compose"),
    Said("S1a", "a killed API container stays `Exited (137)`; the rest stays up", "compose"),
    Said("S1b", "downtime is detection, SSH and restart: 2-10 min", "compose"),
    Said("S2a", "a server's crash takes API, worker, PostgreSQL and Redis with it", "compose"),
    Said("S2b", "rows persist, the queue is empty: all queued jobs are lost", "compose"),
    Said("S2c", "boot, SSH, `up -d`: at least 3-5 minutes down", "compose"),
    Said("S3a", "a deploy stops the old container, then starts the new one: 5-30 s", "compose"),
    Said("S3b", "a bad version is rolled back by hand", "compose"),
    Said("S4a", "API instances on one server collide on port 3000", "compose"),
    Said("S4b", "HAProxy by hand takes 2-4 hours, constant care, and is error-prone", "compose"),
    Said("S5a", "200 connections against 100: half of the containers cannot connect", "compose"),
    Said("S5b", "the fix is by hand: pools, the limit, restart everything", "compose"),
    *(Said(f"N{i}", f"production needs {what}, and Compose gives you none", "compose")
      for i, (what, _) in enumerate(NEEDS, start=1)),
    *(Said(f"K{i}", f"Kubernetes solves it: {what}", "kubernetes")
      for i, what in enumerate(SOLVES, start=1)),
    Said("K0", "Kubernetes solves all these problems (connection limits among them)", "kubernetes"),
    Said("K11", "declare replicas, and the system schedules, spreads, restarts and scales them",
         "kubernetes"),
    Said("T1", "80 % of the time goes into managing infrastructure", "compose", ("toil",)),
    Said("A1", "Swarm is simpler, has no HPA, fewer features", "swarm", ("simplicity",)),
    Said("A2", "managed services (ECS, Cloud Run) work well; lock-in, cost at scale, not portable",
         "ecs_fargate, cloud_run", ("lock-in", "cost")),
    Said("A3", "Nomad is excellent; smaller community", "nomad", ("excellence", "popularity")),
    Said("Y1", "try it yourself: kill containers, and they do not restart", "compose"),
    Said("Y2", "try it yourself: overload the API, and nothing scales", "compose"),
    Said("Y3", "try it yourself: deploy, and users see downtime", "compose"),
    Said("Y4", "try it yourself: high CPU; Kubernetes would help", "kubernetes"),
)  # fmt: skip

NOT_CHECKABLE = (
    ("cost", "what a managed cluster, a salary or a migration costs: prices differ and change"),
    ("popularity", "who uses which orchestrator, and how large its community is"),
    ("excellence", "how good a tool is all in all; what it does in one failure is in the runs"),
    ("hiring", "what employers look for"),
    ("simplicity", "how hard something is to learn, how much of a file one can keep in mind"),
    ("toil", "what belongs to managing infrastructure: meetings, manifests, upgrades, learning"),
    ("lock-in", "how hard it is to leave a provider"),
)

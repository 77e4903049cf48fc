"""What people type: one remedy, in the words of each platform.

A platform says by which console it is worked (`console`, of one of its ten choices); one that says
nothing is a user's own, and its commands are told in plain words. An empty text: that console has
none for it. Sources: docs.docker.com reference/cli/docker (compose, service, node, swarm);
developer.hashicorp.com/nomad/commands; kubernetes.io/docs reference/kubectl; AWS CLI reference,
ecs, rds and elasticache; cloud.google.com/sdk/gcloud/reference/run, sql and redis.
"""

from __future__ import annotations

from typing import Literal

from sim.control.core.choices import TEN, Consoled, able
from sim.control.core.cluster import Cluster

Verb = Literal["roll_back", "restart_all", "scale", "least", "edit", "shed", "write_off", "join"]
COMPOSE, GOOGLE = "docker compose", "gcloud run"
# {service}: its name; {number}: of replicas; {server}: a machine
COMMANDS: dict[str, dict[Verb, str]] = {
    COMPOSE: {
        "roll_back": "docker compose up -d {service}",
        "restart_all": "docker compose restart {service}",
        "scale": "docker compose up -d --scale {service}={number}",
        "least": "docker compose up -d --scale {service}={number}",
        "edit": "docker compose up -d",
        "shed": "docker compose up -d {service}",
        "write_off": "",
        "join": "docker compose up -d",
    },
    "docker service": {
        "roll_back": "docker service rollback {service}",
        "restart_all": "docker service update --force {service}",
        "scale": "docker service scale {service}={number}",
        "least": "docker service scale {service}={number}",
        "edit": "docker service update --env-add {service}",
        "shed": "docker service update --label-add inflightreq.amount {service}",
        "write_off": "docker node rm --force {server}",
        "join": "docker swarm join",
    },
    "nomad": {
        "roll_back": "nomad job revert {service}",
        "restart_all": "nomad job restart {service}",
        "scale": "nomad job scale {service} {number}",
        "least": "nomad job run {service}.nomad.hcl, min = {number}",
        "edit": "nomad job run {service}.nomad.hcl",
        "shed": "nomad job run {service}.nomad.hcl, inflightreq.amount",
        "write_off": "nomad node drain -enable -force {server}",
        "join": "nomad agent -client",
    },
    "kubectl": {
        "roll_back": "kubectl rollout undo deployment/{service}",
        "restart_all": "kubectl rollout restart deployment/{service}",
        "scale": "kubectl scale deployment/{service} --replicas={number}",
        "least": "kubectl patch hpa {service}, minReplicas: {number}",
        "edit": "kubectl set env deployment/{service}",
        "shed": "kubectl annotate ingress {service} limit-connections",
        "write_off": "kubectl taint nodes {server} out-of-service:NoExecute",
        "join": "a larger node pool",
    },
    "aws ecs": {
        "roll_back": "aws ecs update-service --service {service} --task-definition",
        "restart_all": "aws ecs update-service --service {service} --force-new-deployment",
        "scale": "aws ecs update-service --service {service} --desired-count {number}",
        "least": "aws application-autoscaling register-scalable-target --min-capacity {number}",
        "edit": "aws ecs register-task-definition",
        "shed": "",  # a web ACL counts by address, not what is inside
        "write_off": "",
        "join": "",
    },
    GOOGLE: {
        "roll_back": "gcloud run services update-traffic {service} --to-revisions",
        # without a flag that changes something it refuses (NoConfigurationChangeError of its SDK)
        "restart_all": "gcloud run services update {service} --update-env-vars RESTARTED=now",
        "scale": "gcloud run services update {service} --min {number}",
        "least": "gcloud run services update {service} --min {number}",
        "edit": "gcloud run services update {service} --update-env-vars",
        "shed": "gcloud run services update {service} --max {number}",
        "write_off": "",
        "join": "",
    },
}  # fmt: skip
ELSEWHERE: dict[Verb, str] = {
    "roll_back": "the rollback of {service}",
    "restart_all": "the restart of {service}",
    "scale": "{number} replicas of {service}",
    "least": "at least {number} replicas of {service}",
    "edit": "new settings",
    "shed": "a limit before {service}",
    "write_off": "the removal of {server}",
    "join": "one more server",
}
# of what a provider runs, by engine ("": any other): where its events are read, and what asks for a
# failover. Sizes and prices are Amazon's; the words of Cloud Run Google's, as far as it has them
Provided = dict[str, tuple[str, str]]
BY_AMAZON: Provided = {
    "": (
        "aws rds describe-events --source-identifier {service}",
        "aws rds reboot-db-instance {service} --force-failover",
    ),
    "Redis": (
        "aws elasticache describe-events --source-identifier {service}",
        "aws elasticache test-failover --replication-group-id {service}",
    ),
    "RabbitMQ": (
        "aws mq describe-broker --broker-id {service}",
        "aws mq reboot-broker --broker-id {service}",
    ),
    "Amazon SQS": ("aws health describe-events", "aws health describe-events"),
}
BY_GOOGLE: Provided = {
    **BY_AMAZON,
    "": (
        "gcloud sql operations list --instance {service}",
        "gcloud sql instances failover {service}",
    ),
    "Redis": ("gcloud redis operations list", "gcloud redis instances failover {service}"),
}
BY_SOMEBODY: Provided = {
    "": ("the events of {service}", "the failover of {service}"),
    "Amazon SQS": ("the events of {service}", "the events of {service}"),
}


def console_of(cluster: Cluster) -> str:
    """Of the first of the ten choices that says it; Compose's where containers share the ports of a
    server; "" for a platform of a user's own."""
    for capability in TEN:
        choice = getattr(cluster.choices, capability)
        if able(choice, Consoled):
            return choice.console
    return COMPOSE if cluster.host_ports else ""


def command_of(
    cluster: Cluster, verb: Verb, service: str = "", number: int = 0, server: str = ""
) -> str:
    """The command line; "" where this console has none."""
    text = COMMANDS.get(console_of(cluster), ELSEWHERE)[verb]
    return text.format(service=service, number=number, server=server)


def provider_commands(cluster: Cluster, service: str) -> tuple[str, str]:
    """What shows the events of what a provider runs, and what asks for its failover."""
    console = console_of(cluster)
    ours = BY_AMAZON if console in COMMANDS else BY_SOMEBODY
    table = BY_GOOGLE if console == GOOGLE else ours
    events, fails_over = table.get(cluster.stack.engine_of(service).title, table[""])
    return events.format(service=service), fails_over.format(service=service)

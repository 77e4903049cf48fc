"""Stores of secrets that a platform has, and when a process has a new version of one.

Of a cloud's store: environment variables are set when a task or an instance starts, and never
again; a file that Cloud Run mounts is fetched anew at each read. Sources: docs.aws.amazon.com
AmazonECS developerguide, secrets-envvar-secrets-manager (and -ssm-paramstore, the same);
docs.cloud.google.com run/docs/configuring/services/secrets. Left out: rotation by a Lambda
function, reads that fail.

Nomad hands it out by itself, and all at once. A task's `template` block reads a Nomad Variable, or
a secret in Vault. When it changes, each client writes the file anew and then does what
`change_mode` says: restarts the task (the default) or sends it a signal. Each waits only its own
random splay of up to 5 s: no deployment, no max_parallel, no health check between one task and the
next. Such a restart is no failure: the restart policy neither counts nor delays it. Sources:
developer.hashicorp.com nomad/docs/job-specification/template and concepts/variables;
hashicorp/nomad client/allocrunner/taskrunner template/template.go onTemplateRendered,
restarts/restarts.go SetRestartTriggered @745a2b4b. Left out: change_mode noop and script, Vault's
leases and dynamic secrets, `wait`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from sim.constants.facts import Fact, constant
from sim.control.core.clock import Loop, Rank
from sim.control.core.cluster import Container
from sim.control.people.human import Human
from sim.control.scheduling.tasks import KILL_TIMEOUT
from sim.control.secrets.passwords import Passwords, SecretEnv, Taken, clients, passwords_of
from sim.schema.scenario import Version


@dataclass(frozen=True)
class SwarmSecrets(SecretEnv):
    """Secrets in the managers' encrypted Raft log, mounted in memory; a change is a new secret and
    a service update that restarts each task.

    Source: docker/docs engine/swarm/secrets.md @1ae0cc41."""

    taken: ClassVar[Taken] = "created"
    rolled_by: ClassVar[str] = "`docker service update --secret-rm --secret-add`"

    encrypted_at_rest: bool = True


@dataclass(frozen=True)
class SecretsManager(SecretEnv):
    """AWS Secrets Manager or an SSM parameter: put into a task's environment when it starts. A new
    version reaches tasks by a new deployment, each on a machine of its own.

    Source: secrets-envvar-secrets-manager: "initially started"; "Force new deployment"."""

    capability: ClassVar[str] = "secrets"
    rolled_by: ClassVar[str] = "`aws ecs update-service --force-new-deployment`"
    kept_in: ClassVar[str] = "the secret in Secrets Manager"

    encrypted_at_rest: bool = True  # by KMS


@dataclass(frozen=True)
class SecretManager(SecretEnv):
    """Google's Secret Manager, as an environment variable: looked up when an instance starts.

    `version`: a revision names one version of the secret (what Google recommends), or `latest`:
    then an instance that starts after the secret was written has the new one, before the database
    does.
    Source: run/docs/configuring/services/secrets: resolved at instance start-up; pin a version."""

    capability: ClassVar[str] = "secrets"
    rolled_by: ClassVar[str] = "`gcloud run services update --update-secrets`"
    kept_in: ClassVar[str] = "the secret in Secret Manager"

    encrypted_at_rest: bool = True
    version: Literal["pinned", "latest"] = "pinned"

    def number(self, passwords: Passwords, c: Container) -> int:
        """A pinned revision keeps the number that its service named when it was made."""
        if self.version == "latest":
            return super().number(passwords, c)
        named = passwords.written.get(c.service, 0)
        return passwords.written.setdefault(revision(c.service, c.version), named)

    def restart(self, human: Human, place: str, database: str, overlap: bool) -> Loop:
        """A new revision of each service, which names the new version."""
        cluster = human.cluster
        passwords = passwords_of(cluster, self)
        for service in clients(cluster):
            now = revision(service, cluster.versions[service])
            passwords.written.setdefault(now, passwords.written.get(service, 0))
            passwords.written[service] = passwords.newest
        yield from super().restart(human, place, database, overlap)


@dataclass(frozen=True)
class SecretManagerVolumes(SecretEnv):
    """The same as a file, which Cloud Run fetches anew whenever it is read: a process that reads it
    for each connection has a new version at once, and every process at the same time.

    Source: run/docs/configuring/services/secrets: always fetched, the latest version."""

    capability: ClassVar[str] = "secrets"
    kept_in: ClassVar[str] = "the secret in Secret Manager"
    taken: ClassVar[Taken] = "read"
    restarts: ClassVar[bool] = False

    encrypted_at_rest: bool = True

    def written(self, passwords: Passwords) -> None:
        for c in passwords.holders():
            passwords.take(c)


def revision(service: str, version: Version) -> str:
    """What names one revision of a service."""
    return f"{service} {version.name} {version.restarted}"


SPLAY = Fact(
    "nomad.template_splay", 5.0, "s", "a random part of it passes before a task is restarted",
    "developer.hashicorp.com nomad/docs/job-specification/template splay",
)  # fmt: skip
RENDER = Fact(
    "nomad.template_render", 1.0, "s", "longest way of a changed Variable to a client's template",
    "chosen: a blocking query returns at once, then the template is rendered",
)  # fmt: skip
VAULT_POLL = Fact(
    "nomad.vault_poll", 300.0, "s", "a secret without a lease is read again from Vault so often",
    "hashicorp/consul-template dependency/vault_common.go VaultDefaultLeaseDuration",
)  # fmt: skip


def handed_out_s(phase: float, share: float, longest_s: float, splay_s: float) -> float:
    """From the changed secret to the restart or the signal in one task; `phase`, `share`: 0..1.

    Source: template.go onTemplateRendered: rendered, then a random part of the splay."""
    return phase * longest_s + share * splay_s


@dataclass(frozen=True)
class NomadVariables(SecretEnv):
    """A Nomad Variable (`source`: or Vault's key-value store), rendered by each task's template.

    With `signal` the process reads the file again and goes on; open connections stay."""

    restarts: ClassVar[bool] = False  # nobody has to: Nomad does it

    encrypted_at_rest: bool = True
    source: Literal["variables", "vault"] = "variables"
    change_mode: Literal["restart", "signal"] = "restart"
    splay_s: float = constant(SPLAY)
    render_s: float = constant(RENDER)
    vault_poll_s: float = constant(VAULT_POLL)
    grace_s: float = constant(KILL_TIMEOUT)

    def edited(self, place: str) -> str:
        return "the Variable" if self.source == "variables" else "the secret in Vault"

    def written(self, passwords: Passwords) -> None:
        for c in passwords.holders():
            passwords.cluster.clock.loop(self.render(passwords, c, c.run))

    def render(self, passwords: Passwords, c: Container, run: int) -> Loop:
        """One client sees the change; what started meanwhile has it already."""
        cluster = passwords.cluster
        longest_s = self.render_s if self.source == "variables" else self.vault_poll_s
        phase, share = cluster.random("nomad/template"), cluster.random("nomad/splay")
        wait_s = handed_out_s(phase, share, longest_s, self.splay_s)
        yield cluster.clock.after(wait_s, Rank.RUNTIME, c.id)
        if c.run != run or c.state not in ("starting", "running") or c.deleting:
            return
        if not c.server.alive:
            return
        if self.change_mode == "signal":
            cluster.say("secret", c.name, f"{c.name} is signalled and reads the new password")
            passwords.take(c)
            return
        cluster.say("secret", c.name, f"Nomad restarts {c.name}: its template has changed")
        cluster.set_restarting(c, True)  # the restart policy has no part in it
        stop = cluster.service(c.service).stop
        grace_s = self.grace_s if stop.grace is None else stop.grace - stop.pre_stop
        # a restart in place waits for no shutdown_delay (taskrunner/lifecycle.go Restart)
        yield cluster.stop(c, max(0.0, grace_s), by_hand=False)
        if c.run != run or c.alive:
            return
        if c.deleting or not c.server.alive:
            cluster.set_restarting(c, False)
        else:
            cluster.resize(c, None)  # a container of its own (drivers/docker StartTask)
            cluster.start(c, again=True)

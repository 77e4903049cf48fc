"""A cloud's store of secrets, and the moment at which a process there has a new version of one.

Environment variables are set when a task or an instance starts, and never again; a file that Cloud
Run mounts is fetched anew at each read. Sources: docs.aws.amazon.com AmazonECS developerguide,
secrets-envvar-secrets-manager (and -ssm-paramstore, the same); docs.cloud.google.com
run/docs/configuring/services/secrets. Left out: rotation by a Lambda function, reads that fail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from sim.control.core.clock import Loop
from sim.control.core.cluster import Container
from sim.control.people.human import Human
from sim.control.secrets.passwords import Passwords, SecretEnv, Taken, clients, passwords_of
from sim.schema.scenario import Version


@dataclass(frozen=True)
class SwarmSecrets(SecretEnv):
    """Secrets in the managers' encrypted Raft log, mounted in memory; a change is a new secret and
    a service update that restarts each task.

    Source: docker/docs engine/swarm/secrets.md @1ae0cc41."""

    name: ClassVar[str] = "swarm_secrets"

    taken: ClassVar[Taken] = "created"
    rolled_by: ClassVar[str] = "`docker service update --secret-rm --secret-add`"

    encrypted_at_rest: bool = True


@dataclass(frozen=True)
class SecretsManager(SecretEnv):
    """AWS Secrets Manager or an SSM parameter: put into a task's environment when it starts. A new
    version reaches tasks by a new deployment, each on a machine of its own.

    Source: secrets-envvar-secrets-manager: "initially started"; "Force new deployment"."""

    capability: ClassVar[str] = "secrets"
    name: ClassVar[str] = "secrets_manager"
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
    name: ClassVar[str] = "secret_manager"
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
    name: ClassVar[str] = "secret_manager_volumes"
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

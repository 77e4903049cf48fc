"""Swarm's secrets (docs.docker.com engine/swarm/secrets)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sim.control.secrets.passwords import SecretEnv, Taken


@dataclass(frozen=True)
class SwarmSecrets(SecretEnv):
    """Secrets in the managers' encrypted Raft log, mounted in memory; a change is a new secret and
    a service update that restarts each task.

    Source: docker/docs engine/swarm/secrets.md @1ae0cc41."""

    name: ClassVar[str] = "swarm_secrets"

    taken: ClassVar[Taken] = "created"
    rolled_by: ClassVar[str] = "`docker service update --secret-rm --secret-add`"

    encrypted_at_rest: bool = True

"""The means that a side had: what stands beside its ends in every report.

Who has three replicas on three servers and loses less than who has one has not shown that it is
better: means are what was paid, and what somebody wrote.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Means:
    """Of one platform, at second 0. By service: those that users or jobs meet."""

    replicas: dict[str, int]
    most_replicas: dict[str, int]  # up to which an autoscaler may go; the same where none is
    servers: int
    cores: float
    memory: int  # bytes, all servers
    restart: str  # the policy that is heeded, of the entry service; "by itself": the platform's
    limits: dict[str, int | None]  # bytes of memory
    people: int  # on call
    watched: bool  # by monitoring; else users complain

    def record(self) -> dict[str, Any]:
        """As in summary.json."""
        return asdict(self)

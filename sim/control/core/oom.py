"""The kernel's choice when a server is out of memory.

Pure. Docker leaves every oom_score_adj at 0, so that the kernel takes the largest process, which
need not be the one that leaks; the kubelet writes one by QoS class (resource_limits/pressure.py). A
container above its own limit is another matter: its cgroup ends it alone (data plane). Source:
Linux mm/oom_kill.c.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

UNKILLABLE = -1000  # the kernel's own mark (OOM_SCORE_ADJ_MIN)


class Process(NamedTuple):
    """A container as the kernel sees it."""

    id: int
    memory: int  # bytes
    adj: int  # oom_score_adj


def badness(process: Process, capacity: int) -> float:
    """Bytes plus adj thousandths of the machine. Source: mm/oom_kill.c oom_badness."""
    return process.memory + process.adj * capacity / 1000.0


def oom_victim(processes: Sequence[Process], capacity: int) -> int | None:
    """The id that the kernel kills: the worst; the first among equals. None: nobody may be.

    Source: mm/oom_kill.c select_bad_process."""
    able = [p for p in processes if p.adj > UNKILLABLE]
    return max(able, key=lambda p: (badness(p, capacity), -p.id)).id if able else None

"""The article's claims against what was measured.

A claim names a platform, a figure by its dotted path in that platform's record, and bounds. The
loader checks claims against METRICS before anything runs: an unknown figure is an error, never a
pass. A figure that does not exist (null: never recovered) supports no claim.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sim.dataplane.codes import JOB_CAUSES, REQUEST_CAUSES
from sim.results.summary import Figures, lookup
from sim.schema.scenario import Claim

# every figure that a platform record holds, in its order
METRICS: tuple[str, ...] = (
    *(f"requests.{name}" for name in ("arrived", "succeeded", "in_flight")),
    *(f"requests.failed.{cause}" for cause in REQUEST_CAUSES),
    *(f"jobs.{name}" for name in ("enqueued", "done", "queued", "in_progress", "duplicated")),
    *(f"jobs.lost.{cause}" for cause in JOB_CAUSES),
    "jobs.backlog_peak",
    "jobs.drained_at_s",
    "jobs.oldest_s",
    "downtime_s",
    "degraded_s",
    "availability",
    *(f"latency_s.{name}" for name in ("p50", "p95", "p99", "max")),
    "detect_s",
    "recover_s",
    *(
        f"connections.{name}"
        for name in ("limit", "peak", "refused", "exhausted_s", "containers_refused")
    ),
    *(f"operator.{name}" for name in ("pages", "minutes", "mistakes")),
    "cost.server_hours",
    "cost.usd",
)


def evaluate(claims: Iterable[Claim], platforms: Mapping[str, Figures]) -> list[dict[str, Any]]:
    """Rows of summary.json's `claims`, in the scenario's order.

    Claims about platforms that did not run are left out: nothing was measured.
    """
    return [
        _row(claim, platforms[claim.platform]) for claim in claims if claim.platform in platforms
    ]


def _row(claim: Claim, figures: Figures) -> dict[str, Any]:
    measured = lookup(figures, claim.metric)
    holds = measured is not None and (
        (claim.low is None or claim.low <= measured)
        and (claim.high is None or measured <= claim.high)
    )
    return {
        "id": claim.id,
        "says": claim.says,
        "platform": claim.platform,
        "metric": claim.metric,
        "low": claim.low,
        "high": claim.high,
        "measured": measured,
        "holds": holds,
    }

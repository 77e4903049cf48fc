"""The article's claims against what was measured.

A claim names a platform, a figure by its dotted path in that platform's record, and bounds. The
loader checks claims against METRICS (sim.results.figures) before anything runs: an unknown figure
is an error, never a pass. A figure that does not exist (null: never recovered) supports no claim.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sim.results.figures import Figures, lookup
from sim.schema.scenario import Claim


def evaluate(claims: Iterable[Claim], platforms: Mapping[str, Figures]) -> list[dict[str, Any]]:
    """Rows of summary.json's `claims`, in the scenario's order.

    Claims about platforms that did not run are left out: nothing was measured.
    """
    return [
        _row(claim, platforms[claim.platform]) for claim in claims if claim.platform in platforms
    ]


def within(measured: float | None, low: float | None, high: float | None) -> bool:
    """Is a figure between its bounds? One that does not exist is nowhere."""
    return (
        measured is not None
        and (low is None or low <= measured)
        and (high is None or measured <= high)
    )


def _row(claim: Claim, figures: Figures) -> dict[str, Any]:
    measured = lookup(figures, claim.metric)
    told = claim.model_dump(exclude={"because", "shown_by"})
    return {**told, "measured": measured, "holds": within(measured, claim.low, claim.high)}

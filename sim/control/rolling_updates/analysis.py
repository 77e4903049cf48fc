"""Analysis of a new version: is what its own replicas answer good enough to go on?

As an AnalysisRun of Argo Rollouts: one metric, measured each interval, the share of answers
without an error. Rules: argoproj/argo-rollouts analysis/analysis.go @c9dd7ea0 and
docs/features/analysis.md @010ad554 read. What counts are the answers of the version's own
replicas, not of the service: at a small weight the service's rate would hide them. Left out:
latency metrics, requests that a dying replica takes with it (nobody answers those), inconclusive
results, and several metrics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from sim.constants.facts import Fact, constant
from sim.control.core.cluster import Cluster
from sim.schema.scenario import Version

ANALYSIS = "argoproj/argo-rollouts analysis/analysis.go @c9dd7ea0"
DOCS = "argoproj/argo-rollouts docs/features/analysis.md @010ad554"
INTERVAL = Fact(
    "analysis.interval", 60.0, "s", "between two measurements of the success rate",
    "chosen: fluxcd/flagger docs/gitbook/usage/how-it-works.md @15bd6ad5 (interval: 1m); "
    "Argo's example has 5m, and its API no default",
)  # fmt: skip
SUCCESS = Fact(
    "analysis.success", 0.95, "", "less is a failed measurement",
    f"{DOCS} (result >= 0.95 in the example; Flagger's example: 99 %)",
)  # fmt: skip
FAILURE_LIMIT = Fact(
    "analysis.failure_limit", 0, "measurements",
    "more failed ones than this, in all, fail the analysis (Flagger's example: 10)", ANALYSIS,
)  # fmt: skip
ERROR_LIMIT = Fact(
    "analysis.consecutive_error_limit", 4, "measurements",
    "more than this in a row that found nothing to measure end it with an error",
    "argoproj/argo-rollouts utils/defaults/defaults.go @03055326",
)  # fmt: skip
Result = Literal["successful", "failed", "error"]
State = Literal["running", "failed", "error"]


# ---- rules ----
class Counts(NamedTuple):
    """What an analysis has found so far."""

    failed: int = 0
    errors_in_a_row: int = 0


def measured(answers: int, errors: int, success: float) -> Result:
    """One measurement; without an answer the query returns nothing, which is an error.

    Source: docs/features/analysis.md (successCondition; empty results)."""
    if answers <= 0:
        return "error"
    return "successful" if (answers - errors) / answers >= success else "failed"


def counted(counts: Counts, result: Result) -> Counts:
    """Failures add up; errors count in a row only. Source: analysis.go runMeasurements."""
    if result == "error":
        return Counts(counts.failed, counts.errors_in_a_row + 1)
    return Counts(counts.failed + (result == "failed"), 0)


def assessed(counts: Counts, failure_limit: int, error_limit: int) -> State:
    """Does the analysis go on? Limits may be reached, not exceeded.

    Source: analysis.go assessMetricFailureInconclusiveOrError."""
    if counts.failed > failure_limit:
        return "failed"
    return "error" if counts.errors_in_a_row > error_limit else "running"


# ---- the choice, and one run of it ----
@dataclass(frozen=True)
class Analysis:
    """What is measured of a new version, how often, and how much is forgiven."""

    interval_s: float = constant(INTERVAL, above_zero=True)
    success: float = constant(SUCCESS)
    failure_limit: int = constant(FAILURE_LIMIT)
    error_limit: int = constant(ERROR_LIMIT)


class AnalysisRun:
    """One analysis of one version; `measure` is called each interval."""

    def __init__(
        self, analysis: Analysis, cluster: Cluster, service: str, version: Version
    ) -> None:
        self.analysis, self.cluster = analysis, cluster
        self.service, self.version = service, version
        self.counts = Counts()
        self.found = ""  # the last measurement, in words
        self.seen: dict[int, tuple[int, int]] = {}  # (served, errors) of each replica when last met
        self.answers()

    def answers(self) -> tuple[int, int]:
        """(answers, of which errors) of the version's replicas since the last call."""
        answers = errors = 0
        for c in self.cluster.of(self.service):
            if c.version == self.version:
                gauge = self.cluster.gauge_of(c)
                served, bad = self.seen.get(c.id, (0, 0))
                answers, errors = answers + gauge.served - served, errors + gauge.errors - bad
                self.seen[c.id] = (gauge.served, gauge.errors)
        return answers, errors

    def measure(self) -> State:
        """Take one measurement; what follows from all so far."""
        answers, errors = self.answers()
        result = measured(answers, errors, self.analysis.success)
        self.counts = counted(self.counts, result)
        self.found = "no answers to measure"
        if answers > 0:
            self.found = f"{(answers - errors) / answers:.0%} of {answers} answers were good"
        return assessed(self.counts, self.analysis.failure_limit, self.analysis.error_limit)

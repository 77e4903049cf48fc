"""The article's closing table and its general claims: the records of article.yaml.

`ROWS`: the ten capabilities in the article's order, each with a scenario in which it matters.
`ARTICLE`: all that it claims, by id. `CLAIMS`: how the general ones are decided on those rows.
`NOT_CHECKABLE`: what no run can decide.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from sim.schema.text.document import read_yaml
from sim.schema.text.files import read_text

FILE = Path(__file__).with_suffix(".yaml")


class ArticleRow(NamedTuple):
    """A line of the article's table: `Problem | Docker Compose | Kubernetes`."""

    capability: str  # field of Platform
    problem: str
    compose: str  # what the article says it is there
    kubernetes: str
    scenario: str  # SCENARIO or SCENARIO:VARIANT
    metric: str  # of MEASURES: what this capability protects


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


class Said(NamedTuple):
    """One of the article's claims, in our words. `opinions`: parts of it that no run can decide,
    by their names in NOT_CHECKABLE."""

    id: str
    says: str
    platform: str  # whom it is about
    opinions: tuple[str, ...] = ()


_DATA = read_yaml(read_text(FILE, FILE.name), FILE.name).data
ROWS = tuple(ArticleRow(**row) for row in _DATA["rows"])
CLAIMS = tuple(GeneralClaim(**claim) for claim in _DATA["claims"])
ARTICLE = tuple(
    Said(**{**said, "opinions": tuple(said.get("opinions", ()))}) for said in _DATA["article"]
)
NOT_CHECKABLE: tuple[tuple[str, str], ...] = tuple(_DATA["not_checkable"].items())

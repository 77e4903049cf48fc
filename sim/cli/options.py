"""What the verbs of the command line share: exit statuses, kinds of options, folders."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

from cyclopts import Parameter, Token

DONE, NOT_HELD, USAGE, BROKEN, INTERRUPTED = 0, 1, 2, 70, 130
REPORTS = Path("reports")


def _whole(_: Any, tokens: Sequence[Token]) -> int:
    """A whole number as written; cyclopts alone would take `--reps 1.5` for 2."""
    text = tokens[0].value
    if not text.removeprefix("-").isdecimal():
        raise ValueError(f'"{text}" is no whole number.')
    return int(text)


Flag = Annotated[bool, Parameter(negative="")]
Whole = Annotated[int, Parameter(converter=_whole)]

# ---- with their words ----
Platforms = Annotated[
    str | None,
    Parameter(
        help="Names or ./files.py, separated by commas, or `all` [default: the scenario's own]."
    ),
]
Json = Annotated[
    bool, Parameter(negative="", help="Print the JSON file and nothing else on standard output.")
]
Recording = Annotated[
    str | None,
    Parameter(help="A recording in place of the scenario's arrivals (docs/command_line.md)."),
]
Seed = Annotated[int, Parameter(converter=_whole, help="Seed of the first replication.")]
Reps = Annotated[
    int | None,
    Parameter(
        converter=_whole,
        help="Replications, with seeds counting up [default: 10, 5, 3 or 1 by the study's size].",
    ),
]
Equal = Annotated[
    bool,
    Parameter(
        negative="",
        help="Give every platform the same replicas, cores, restart policy, limits, checks and "
        "stop delays, as far as it has the field.",
    ),
]
Rungs = Annotated[
    bool,
    Parameter(
        negative="",
        help="Of two platforms: from the worse to the better one change at a time, each run again.",
    ),
]
Orders = Annotated[
    bool,
    Parameter(negative="", help="... and what each takes in the mean over orders (many runs)."),
]
Unknowns = Annotated[
    bool,
    Parameter(
        negative="",
        help="What the verdict hangs on: each number that nobody knows at half and double.",
    ),
]
Full = Annotated[
    bool, Parameter(negative="", help="Print all rows, not those alone that tell most.")
]
StackOf = Annotated[
    str | None,
    Parameter(
        help="Name of a stack, or path to a stack's or docker-compose YAML file; base.yml,prod.yml "
        "puts the later over the earlier."
    ),
]
Engine = Annotated[Literal["auto", "compiled", "reference"], Parameter(help="Data plane.")]
SetOf = Annotated[
    list[str] | None,
    Parameter(
        name="--set",
        negative="",
        help="PATH=VALUE, e.g. stack.services.api.replicas=3; may be given several times.",
    ),
]
Out = Annotated[Path | None, Parameter(help="Folder for the report [default: reports/SCENARIO].")]
Summary = Annotated[
    bool, Parameter(negative="", help="Print summary.json and nothing else on standard output.")
]
Drawn = Annotated[bool, Parameter(name="--plots", negative="--no-plots", help="Draw the plots.")]
Kept = Annotated[
    Path | None,
    Parameter(
        help="Folder that keeps each replication as it ends; the same command goes on from there."
    ),
]
Workers = Annotated[
    int | None,
    Parameter(
        converter=_whole,
        help="Processes at most [default: as many as there are processors, if that is sooner].",
    ),
]
Expected = Annotated[
    list[str] | None,
    Parameter(
        name="--expect",
        negative="",
        help="METRIC<VALUE, of a PLATFORM. or of p95 over seeds: 'compose.downtime_s<60'; status 1 "
        "if it does not hold. May be given several times.",
    ),
]
JUnit = Annotated[
    Path | None,
    Parameter(name="--junit", help="File for what was expected and checked, as JUnit XML."),
]
Enough = Annotated[
    str | None,
    Parameter(
        help="METRIC=HALFWIDTH: replications until the mean is known so well (95 %), e.g. "
        "downtime_s=5."
    ),
]


@dataclass(frozen=True)
class Site:
    """Where the runs of a study are done, and what keeps them."""

    store: Kept = None
    workers: Workers = None
    cluster: Annotated[
        str | None, Parameter(help="tcp://HOST:PORT of a Dask scheduler whose workers do the runs.")
    ] = None


SiteOf = Annotated[Site | None, Parameter(name="*")]


@dataclass(frozen=True)
class Reading:
    """How somebody's own files are read: what they say against the guesses."""

    role: Annotated[
        list[str] | None,
        Parameter(
            name="--role",
            negative="",
            help="Your file: NAME=ROLE (http, worker, postgres, redis, proxy, other, entry); may "
            "be given several times.",
        ),
    ] = None
    link: Annotated[
        list[str] | None,
        Parameter(
            name="--link",
            negative="",
            help="Your file: A->B, A asks B; may be given several times.",
        ),
    ] = None


ReadingOf = Annotated[Reading | None, Parameter(name="*")]


@dataclass(frozen=True)
class OwnStack(Reading):
    """Somebody's own stack, and how it is read."""

    stack: StackOf = None


class Correction(TypedDict):
    """The same as fields of an `Ask`."""

    roles: tuple[str, ...]
    links: tuple[str, ...]


def corrected(reading: Reading | None) -> Correction:
    """What was said against the guesses."""
    said = reading or Reading()
    return {"roles": tuple(said.role or ()), "links": tuple(said.link or ())}


def spelled(correction: Correction) -> list[str]:
    """The same as words of a command line."""
    roles = (word for role in correction["roles"] for word in ("--role", role))
    return [*roles, *(word for link in correction["links"] for word in ("--link", link))]


@dataclass(frozen=True)
class StudyOptions(OwnStack, Site):
    """What every study of decisions is asked with."""

    traffic: Recording = None
    seed: Seed = 1
    settings: SetOf = None

    def of(self, scenario: str, platform: str | None = None) -> dict[str, Any]:
        """The same as fields of an `Ask`."""
        return {
            "scenario": scenario, "platforms": names(platform), "settings": self.settings or (),
            "stack": self.stack, "seed": self.seed, "traffic": self.traffic, **corrected(self),
        }  # fmt: skip


StudyOf = Annotated[StudyOptions | None, Parameter(name="*")]
Traffic = Annotated[
    list[str] | None,
    Parameter(
        negative="",
        help="Recording in place of the scenario's arrivals: a log, a load test's result, a series "
        "(docs/command_line.md); may be given several times.",
    ),
]


@dataclass(frozen=True)
class Excerpt:
    """What of a recording is replayed, and how: fields of `scenario.traffic`."""

    begin: Annotated[
        str | None,
        Parameter(name="--from", help="Recording: from 14:30 (UTC), 2h (on), or a date and time."),
    ] = None
    end: Annotated[str | None, Parameter(name="--to", help="Recording: until then.")] = None
    busiest: Annotated[
        str | None, Parameter(name="--busiest", help="Recording: its busiest 1h.")
    ] = None
    speed: Annotated[
        str | None, Parameter(name="--speed", help="Recording: so many times as fast.")
    ] = None
    path: Annotated[
        str | None, Parameter(name="--path", help="Recording: requests whose path matches only.")
    ] = None
    endpoints: Annotated[
        str | None,
        Parameter(name="--endpoints", help="Recording: its N paths asked most, as endpoints."),
    ] = None
    scale: Annotated[str | None, Parameter(name="--scale", help="Times as many requests.")] = None


def chosen(excerpt: Excerpt | None) -> list[str]:
    """The same as settings, `path=value` each."""
    values = {} if excerpt is None else vars(excerpt)
    return [
        f"scenario.traffic.{'' if name == 'scale' else 'replay.'}{name}={_value(name, value)}"
        for name, value in values.items()
        if value is not None
    ]


def _value(name: str, text: str) -> str:
    """A text in quotes, so that `14:30` and `^/api: x` stay what they are; a number as it is."""
    return text if name in ("speed", "scale", "busiest", "endpoints") else json.dumps(text)


def names(text: str | None) -> list[str] | None:
    """`a, b` as a list; None where nothing was said."""
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def say(message: str, status: int) -> int:
    """Tell it on standard error; returns the status."""
    print(message, file=sys.stderr)
    return status

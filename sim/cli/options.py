"""What the verbs of the command line share: exit statuses, kinds of options, folders."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter, Token

from sim.report.exports.formats import listed

if TYPE_CHECKING:
    from sim.imports.evidence import Corrections

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
Several = Annotated[list[str] | None, Parameter(negative="")]

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
StackOf = Annotated[
    str | None,
    Parameter(
        help="Name of a stack, or path to a stack's or docker-compose YAML file; base.yml,prod.yml "
        "puts the later over the earlier."
    ),
]
SetOf = Annotated[
    list[str] | None,
    Parameter(
        name="--set",
        negative="",
        help="PATH=VALUE, e.g. stack.services.api.replicas=3; may be given several times.",
    ),
]
Drawn = Annotated[bool, Parameter(name="--plots", negative="--no-plots", help="Draw the plots.")]
Traffic = Annotated[
    list[str] | None,
    Parameter(
        negative="",
        help="Recording in place of the scenario's arrivals: a log, a load test's result, a series "
        "(docs/command_line.md); may be given several times.",
    ),
]


EXPORT = f"More files, separated by commas: {listed()}; or all."


# ---- several that belong together ----
@dataclass(frozen=True)
class Site:
    """Where the runs of a study are done, and what keeps them.

    Parameters
    ----------
    store
        Folder that keeps each replication as it ends; the same command goes on from there.
    workers
        Processes at most [default: as many as there are processors, if that is sooner].
    cluster
        tcp://HOST:PORT of a Dask scheduler whose workers do the runs.
    """

    store: Path | None = None
    workers: Whole | None = None
    cluster: str | None = None


@dataclass(frozen=True)
class Reading:
    """How somebody's own files are read: what they say against the guesses.

    Parameters
    ----------
    link
        Your file: A->B, A asks B; may be given several times.
    """

    role: Annotated[
        list[str] | None,
        Parameter(
            negative="",
            help="Your file: NAME=ROLE (http, worker, database, redis, queue, cache, proxy, "
            "external, other, entry); may be given several times.",
        ),
    ] = None
    link: Several = None

    @property
    def said(self) -> dict[str, Any]:
        """The same as fields of an `Ask`."""
        return {"roles": tuple(self.role or ()), "links": tuple(self.link or ())}

    @property
    def corrections(self) -> Corrections:
        """The same as readers of files take it. Raises `InputError`."""
        from sim.imports.evidence import Corrections  # noqa: PLC0415

        return Corrections.of(self.role or (), self.link or ())

    @property
    def words(self) -> list[str]:
        """The same as words of a command line."""
        roles = (word for role in self.role or () for word in ("--role", role))
        return [*roles, *(word for link in self.link or () for word in ("--link", link))]


@dataclass(frozen=True)
class StudyOptions(Reading, Site):
    """What every study of decisions is asked with."""

    stack: StackOf = None
    traffic: Recording = None
    seed: Seed = 1
    settings: SetOf = None

    def of(self, scenario: str, platform: str | None = None) -> dict[str, Any]:
        """The same as fields of an `Ask`."""
        return {
            "scenario": scenario, "platforms": names(platform), "settings": self.settings or (),
            "stack": self.stack, "seed": self.seed, "traffic": self.traffic, **self.said,
        }  # fmt: skip


@dataclass(frozen=True)
class Excerpt:
    """What of a recording is replayed, and how: fields of `scenario.traffic`.

    Parameters
    ----------
    begin
        Recording: from 14:30 (UTC), 2h (on), or a date and time.
    end
        Recording: until then.
    busiest
        Recording: its busiest 1h.
    speed
        Recording: so many times as fast.
    path
        Recording: requests whose path matches only.
    endpoints
        Recording: its N paths asked most, as endpoints.
    scale
        Times as many requests.
    """

    begin: Annotated[str | None, Parameter(name="--from")] = None
    end: Annotated[str | None, Parameter(name="--to")] = None
    busiest: str | None = None
    speed: str | None = None
    path: str | None = None
    endpoints: str | None = None
    scale: str | None = None

    @property
    def settings(self) -> list[str]:
        """The same as settings, `path=value` each."""
        return [
            f"scenario.traffic.{'' if name == 'scale' else 'replay.'}{name}={_value(name, value)}"
            for name, value in vars(self).items()
            if value is not None
        ]


def _value(name: str, text: str) -> str:
    """A text in quotes, so that `14:30` and `^/api: x` stay what they are; a number as it is."""
    return text if name in ("speed", "scale", "busiest", "endpoints") else json.dumps(text)


@dataclass(frozen=True)
class Show:
    """What is made of the runs, and shown.

    Parameters
    ----------
    json
        Print summary.json and nothing else on standard output.
    watch
        Show the runs live: events as they happen, users' success, the backlog.
    postmortem
        Run it again with one thing changed at a time, and say what each would have saved.
    check
        Exit with status 1 if the SLO or, on its own stack, a claim of the article does not hold.
    rungs
        Of two platforms: from the worse to the better one change at a time, each run again.
    orders
        ... and what each takes in the mean over orders (many runs).
    unknowns
        What the verdict hangs on: each number that nobody knows at half and double.
    full
        Print all rows, not those alone that tell most.
    """

    json: Flag = False
    plots: Drawn = True
    export: Annotated[str, Parameter(help=EXPORT)] = ""
    watch: Flag = False
    postmortem: Flag = False
    check: Flag = False
    equal_means: Annotated[
        bool,
        Parameter(
            negative="",
            help="Give every platform the same replicas, cores, restart policy, limits, checks and "
            "stop delays, as far as it has the field.",
        ),
    ] = False
    rungs: Flag = False
    orders: Flag = False
    unknowns: Flag = False
    full: Flag = False


@dataclass(frozen=True)
class Conditions:
    """What has to hold.

    Parameters
    ----------
    junit
        File for what was expected and checked, as JUnit XML.
    """

    expect: Annotated[
        list[str] | None,
        Parameter(
            negative="",
            help="METRIC<VALUE, of a PLATFORM. or of p95 over seeds: 'compose.downtime_s<60'; "
            "status 1 if it does not hold. May be given several times.",
        ),
    ] = None
    junit: Annotated[Path | None, Parameter(name="--junit")] = None


ANYWHERE, AS_GUESSED, AS_USUAL = Site(), Reading(), StudyOptions()
WHOLE, PLAIN, UNCONDITIONAL = Excerpt(), Show(), Conditions()
SiteOf = Annotated[Site, Parameter(name="*")]
ReadingOf = Annotated[Reading, Parameter(name="*")]
StudyOf = Annotated[StudyOptions, Parameter(name="*")]
ExcerptOf = Annotated[Excerpt, Parameter(name="*")]
ShowOf = Annotated[Show, Parameter(name="*")]
ConditionsOf = Annotated[Conditions, Parameter(name="*")]


def names(text: str | None) -> list[str] | None:
    """`a, b` as a list; None where nothing was said."""
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def say(message: str, status: int) -> int:
    """Tell it on standard error; returns the status."""
    print(message, file=sys.stderr)
    return status

"""Every claim of the article: where it is checked, and what the runs say of it.

A claim is often checked in several places, since it holds in one situation and not in the next:
then its verdict is `depends`, and each place says its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sim.report.study_page import StudyPage
from sim.report.text import columns, words
from sim.study.article.article import ARTICLE, NOT_CHECKABLE, Said

HEADS = (
    "id", "the claim, in our words", "verdict", "checked by", "there", "exactly, and measured",
)  # fmt: skip
KEEP = "\u00a0"  # a space at which no line is broken


class ClaimPlace(NamedTuple):
    """Where a claim is checked. `id` may say more than the article's: K2-jobs is a part of K2."""

    id: str
    command: str  # what to type after `python -m sim`
    says: str
    platform: str


class ClaimCheck(NamedTuple):
    """A place whose run is done."""

    place: ClaimPlace
    holds: bool | None  # None: no run can decide it, and what is measured is told
    measured: str
    because: str  # where it does not hold


class ClaimsReport(NamedTuple):
    """Where all are checked. `checks` None: nothing was run."""

    places: Sequence[ClaimPlace]
    checks: Sequence[ClaimCheck] | None = None
    seed: int = 1


# ---- rules ----
def belongs(ident: str, claim: str) -> bool:
    """`K2-jobs` and `S5a-half` belong to K2 and S5a; `K10` not to K1."""
    return ident == claim or ident.startswith(f"{claim}-")


def ruling(checks: Sequence[ClaimCheck], opinion: bool = False) -> str:
    """Of all its places together, by one rule for all platforms. `opinion`: a part of it is one,
    and then what does not hold in any place is no refutation of the whole."""
    decided = [check.holds for check in checks if check.holds is not None]
    held = sum(decided)
    if not checks:
        return "not measured"
    if not decided:
        return "no verdict"
    if held == len(decided):
        return "holds"
    if held or opinion:
        return f"depends: holds in {held} of {len(decided)}"
    return "DOES NOT HOLD"


def word(check: ClaimCheck) -> str:
    """What came out in one place."""
    return {True: "holds", False: "does not hold", None: "no verdict"}[check.holds]


def ours(places: Iterable[ClaimPlace]) -> list[ClaimPlace]:
    """Teaching claims of the scenarios that are none of the article's."""
    return [p for p in places if not any(belongs(p.id, said.id) for said in ARTICLE)]


# ---- text ----
def text(report: ClaimsReport) -> str:
    """For a terminal."""
    places, checks, _ = report
    lines = ["The article's claims, in our words", ""]
    for entry in ARTICLE:
        lines += _wrapped(_head(entry, checks), "", "     ")
        if checks is None:
            lines += _wrapped(", ".join(map(_whole, _commands(places, entry))), "     ", "     ")
        else:
            for check in _of(checks, entry):
                lines += _wrapped(_line(check), "     ", "       ")
        for name in entry.opinions:
            lines += _wrapped(f"not checkable: {name}, {_why(name)}", "     ", "       ")
    lines += ["", "Not checkable by any run"]
    lines += [f"  {name}: {why}" for name, why in NOT_CHECKABLE]
    idents = sorted({place.id for place in ours(places)})
    lines += ["", "Claims of our own, in the output of their scenarios"]
    lines += _wrapped(", ".join(idents), "  ", "  ")
    if checks is None:
        lines += ["", "`python -m sim claims --measure` runs all of it, and says what holds."]
    return "\n".join(lines) + "\n"


def about(entry: Said, places: Sequence[ClaimPlace]) -> str:
    """One claim, for `sim explain K2`."""
    lines = [f"{entry.id}: {entry.says} ({entry.platform}); the article's, in our words", ""]
    lines.append("checked by")
    for place in places:
        if belongs(place.id, entry.id):
            whom = words.platform(place.platform)
            told = f"{place.command}: {place.id}, {whom}: {place.says}"
            lines += _wrapped(told, "  ", "    ")
    lines += [f"  not checkable: {name}, {_why(name)}" for name in entry.opinions]
    return "\n".join(lines) + "\n"


def _head(said: Said, checks: Sequence[ClaimCheck] | None) -> str:
    verdict = "" if checks is None else f" {ruling(_of(checks, said), bool(said.opinions))}:"
    return f"{said.id:<4}{verdict} {said.says}"


def _line(check: ClaimCheck) -> str:
    place, holds = check.place, word(check)
    whom = f"{_whole(place.command)} ({place.id}, {words.platform(place.platform)})"
    return f"{whom}: {holds}: {_outcome(check)}"


def _outcome(check: ClaimCheck) -> str:
    why = f"; {check.because}" if check.because and not check.holds else ""
    return f"{check.place.says}: {check.measured}{why}"


def _of(checks: Iterable[ClaimCheck], said: Said) -> list[ClaimCheck]:
    return [check for check in checks if belongs(check.place.id, said.id)]


def _commands(places: Iterable[ClaimPlace], said: Said) -> list[str]:
    return list(dict.fromkeys(p.command for p in places if belongs(p.id, said.id)))


def _whole(command: str) -> str:
    """So that no line ends within it."""
    return command.replace(" ", KEEP)


def _why(name: str) -> str:
    return dict(NOT_CHECKABLE)[name]


def _wrapped(sentence: str, first: str, then: str) -> Iterator[str]:
    return (line.replace(KEEP, " ") for line in columns.folded([sentence], first, then))


# ---- files ----
def markdown(report: ClaimsReport) -> str:
    """A line per place; the claim's own verdict on its first."""
    grid: list[Sequence[str]] = [HEADS]
    for entry in ARTICLE:
        those = _of(report.checks or (), entry)
        head = [entry.id, entry.says, f"**{ruling(those, bool(entry.opinions))}**"]
        for check in those:
            command = f"`{check.place.command}` ({check.place.id})"
            outcome = f"{words.platform(check.place.platform)}: {_outcome(check)}"
            grid.append((*head, command, word(check), outcome))
            head = ["", "", ""]
        for name in entry.opinions:
            grid.append((*head, "not checkable", "", f"{name}: {_why(name)}"))
            head = ["", "", ""]
    lines = [
        "# The article's claims, measured", "",
        f"What `python -m sim claims --measure` says (seed {report.seed}). A claim is checked in "
        "several situations where it depends on them.", "", *columns.markdown_table(grid),
        "", "Not checkable by any run:", "", *(f"- {name}: {why}" for name, why in NOT_CHECKABLE),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def record(report: ClaimsReport) -> dict[str, Any]:
    places, checks, _ = report
    claims = []
    for entry in ARTICLE:
        those = None if checks is None else _of(checks, entry)
        claims.append({
            "id": entry.id, "says": entry.says, "about": entry.platform,
            "verdict": None if those is None else ruling(those, bool(entry.opinions)),
            "checked_by": _commands(places, entry),
            "places": None if those is None else [_place(check) for check in those],
            "not_checkable": list(entry.opinions),
        })  # fmt: skip
    return {"schema": 2, "claims": claims, "not_checkable": dict(NOT_CHECKABLE)}


def _place(check: ClaimCheck) -> dict[str, Any]:
    known = check.place._asdict()
    return {**known, "holds": check.holds, "measured": check.measured, "because": check.because}


PAGE: StudyPage[ClaimsReport] = StudyPage("claims", text, markdown, record, noun="claims")

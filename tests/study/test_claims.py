"""Every claim of the article has a place where it is checked, or is listed as not checkable."""

from __future__ import annotations

import json
import re
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import pytest

from sim.cli.app import main
from sim.study.article.article import ARTICLE, NOT_CHECKABLE
from sim.study.article.claims import in_scenarios, measure, places, prepare
from sim.study.article.claims_text import (
    ClaimCheck,
    ClaimPlace,
    ClaimsReport,
    about,
    belongs,
    markdown,
    ours,
    ruling,
    text,
)
from tests.study.runs import ALONE

ROOT = Path(__file__).parents[2]
PLACE = ClaimPlace("K1", "run here", "it restarts", "kubernetes")


@cache
def known() -> list[ClaimPlace]:
    return places()


def ids_of_the_article() -> set[str]:
    """First column of docs/facts/article.md; `N1-N10` are ten."""
    text = (ROOT / "docs/facts/article.md").read_text(encoding="utf-8")
    found = set()
    for first, last in re.findall(r"^\| ([A-Z]+\d+[a-z]?)(?:-([A-Z]+\d+))? \|", text, re.M):
        letters, number = re.fullmatch(r"([A-Z]+)(\d+[a-z]?)", first).groups()  # type: ignore[union-attr]
        if last:
            to = int(last.removeprefix(letters))
            found |= {f"{letters}{i}" for i in range(int(number), to + 1)}
        else:
            found.add(first)
    return found


# ---- rules ----
@pytest.mark.parametrize(
    ("ident", "claim", "does"),
    [("K2", "K2", True), ("K2-jobs", "K2", True), ("K10", "K1", False), ("S5a-half", "S5a", True),
     ("S5-pooler", "S5a", False), ("X-K2", "K2", False)],
)  # fmt: skip
def test_belongs(ident: str, claim: str, does: bool) -> None:
    assert belongs(ident, claim) is does


@pytest.mark.parametrize(
    ("held", "said"),
    [([], "not measured"), ([True], "holds"), ([True, True], "holds"), ([False], "DOES NOT HOLD"),
     ([True, False, True], "depends: holds in 2 of 3")],
)  # fmt: skip
def test_ruling(held: list[bool], said: str) -> None:
    assert ruling([ClaimCheck(PLACE, holds, "13 s", "") for holds in held]) == said


def test_what_no_run_decides_has_no_verdict_and_an_opinion_is_not_refuted() -> None:
    open_, fails = (ClaimCheck(PLACE, holds, "13 s", "") for holds in (None, False))
    assert ruling([open_]) == "no verdict"
    assert ruling([open_, fails]) == "DOES NOT HOLD"
    assert ruling([fails, fails], opinion=True) == "depends: holds in 0 of 2"


# ---- complete ----
def test_no_claim_of_the_article_is_forgotten() -> None:
    ids = [said.id for said in ARTICLE]
    assert len(set(ids)) == len(ids)
    article = ids_of_the_article()
    assert {"BF1", "S5b", "N10", "K11", "T1", "A3", "Y4"} <= article
    assert set(ids) - article == {"K0"}  # the sentence around its closing table
    assert not article - set(ids)


@pytest.mark.parametrize("ident", [said.id for said in ARTICLE])
def test_each_is_checked_somewhere(ident: str) -> None:
    assert any(belongs(place.id, ident) for place in known())


def test_opinions_are_listed_with_a_reason() -> None:
    reasons = dict(NOT_CHECKABLE)
    assert all(reasons[name] for said in ARTICLE for name in said.opinions)


def test_what_is_not_the_articles_is_marked_as_ours() -> None:
    assert all(re.match(r"X-|S5-pooler", place.id) for place in ours(known()))


def test_the_document_lists_every_claim_and_no_place_that_is_gone() -> None:
    """docs/claims.md is claims.md of `sim claims --measure`; new places may come later."""
    document = (ROOT / "docs/claims.md").read_text(encoding="utf-8")
    written = re.findall(r"\| `([^`]+)` \(([^)]+)\) \|", document)
    mine = {(p.command, p.id) for p in known() if p not in ours(known())}
    assert written
    assert not set(written) - mine
    assert re.findall(r"^\| ([A-Z]+\d+[a-z]?) \|", document, re.M) == [s.id for s in ARTICLE]
    assert "not measured" not in document


# ---- told ----
def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    for said in ARTICLE:
        assert any(line.split()[:1] == [said.id] for line in lines), said.id
    assert any("quarter --reps 1" in line for line in lines)
    assert main(["claims", "--json"]) == 0
    found = {one["id"]: one for one in json.loads(capsys.readouterr().out)["claims"]}
    assert "run server_crash" in found["K2"]["checked_by"]
    assert found["A2"]["not_checkable"] == ["lock-in", "cost"]


def test_explain_a_claim(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "k2"]) == 0
    printed = capsys.readouterr().out
    assert printed == about(next(s for s in ARTICLE if s.id == "K2"), known())
    assert "run server_crash:gone_database" in printed


# ---- measured ----
@cache
def crash() -> list[ClaimCheck]:
    name = "container_crash:every_replica"
    runs = prepare()
    cases = tuple(case for case in runs.scenarios.cases if case.name == name)
    batch = replace(runs.scenarios, cases=cases)
    return in_scenarios({name: runs.claims[name]}, batch, partial(ALONE, compiling=_never))


def _never() -> AbstractContextManager[object]:
    raise AssertionError("such a small run compiles nothing")


def test_a_claim_that_does_not_hold_says_measured_and_why() -> None:
    found = {one.place.id: one for one in crash()}
    assert found["N1"].holds
    assert not found["K1"].holds
    printed = text(ClaimsReport(known(), crash()))
    assert "K1   DOES NOT HOLD: Kubernetes solves it" in printed
    assert "downtime_s 11 s (at most 5 s); all were away at once" in " ".join(printed.split())
    assert "BF1  not measured" in printed
    assert max(map(len, printed.splitlines())) <= 100
    assert (
        "| K1 | Kubernetes solves it: containers restart by themselves | **DOES NOT HOLD** |"
        in (markdown(ClaimsReport((), crash())))
    )


@pytest.mark.slow
def test_all_of_them() -> None:
    """Those that the article has wrong do not hold, and say why; docs/claims.md is what it was."""
    found = measure(prepare())
    document = (ROOT / "docs/claims.md").read_text(encoding="utf-8")
    assert document == markdown(ClaimsReport((), found))
    verdicts = {
        said.id: ruling([one for one in found if belongs(one.place.id, said.id)])
        for said in ARTICLE
    }
    assert "not measured" not in verdicts.values()
    assert [one for one in found if not one.holds and not one.because] == []
    assert verdicts["T1"] == "no verdict", "it is an opinion of what time is for"
    for ident in ("K0", "K8", "N7"):
        assert verdicts[ident] == "DOES NOT HOLD", ident
    for ident in ("N1", "N2", "K2", "K4", "K5", "K6", "K11", "S2b", "S5a", "Y1", "A1", "BF1"):
        assert verdicts[ident].startswith("depends"), ident
    for ident in ("S1a", "S2a", "S3b", "S4a", "N10"):
        assert verdicts[ident] == "holds", ident

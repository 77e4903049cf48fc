"""`list --stack`, `--role` and `--link`: your own file on the command line."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from sim.cli.app import main
from sim.study.ask import Ask
from sim.study.plan import plan

CASES = Path(__file__).parents[1] / "data" / "compose" / "cases"


def _listed(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, dict[str, str]]:
    assert main(["list", *words, "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    return {kind: {row["name"]: row["title"] for row in rows} for kind, rows in listed.items()}


def test_what_fits_a_stack(capsys: pytest.CaptureFixture[str]) -> None:
    listed = _listed(capsys, "--stack", str(CASES / "no_worker.yml"))
    assert listed["scenarios"]["connection_limits"] == "fits"
    assert listed["scenarios"]["queue_backlog"].startswith("no: found no worker; expected one")
    assert set(listed["platforms"].values()) == {"fits"}


def test_first_of_all_it_says_how_many_fit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "incidents", "--stack", str(CASES / "no_worker.yml")]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    fit, of = map(int, first.split(" incidents fit. ")[0].split(" of "))
    named = [line for line in lines if line.startswith("  ") and "  no: " in line]
    assert 0 < fit == of - len(named)


def test_a_correction_changes_what_fits(capsys: pytest.CaptureFixture[str]) -> None:
    stack = ["--stack", str(CASES / "nginx.yml")]
    assert _listed(capsys, *stack)["scenarios"]["queue_backlog"] == "fits"
    corrected = _listed(capsys, *stack, "--role", "jobs=other")
    assert corrected["scenarios"]["queue_backlog"].startswith("no: found no worker")


def test_corrections_of_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run", "container_crash", "--platform", "compose", "--no-plots", "--out"]
    words += [str(tmp_path / "out"), "--stack", str(CASES / "front_end.yml")]
    words += ["--role", "catalogue=entry", "--link", "front-end->catalogue"]
    assert main(words) == 0
    told = capsys.readouterr().err
    assert "assumed: users' requests go to catalogue" in told
    assert "assumed: front-end uses catalogue (as you say)" in told
    page = (tmp_path / "out" / "report.html").read_text()
    drawing = base64.b64decode(page.partition('src="data:image/svg+xml;base64,')[2].split('"')[0])
    assert b"front-end asks catalogue: as you say (high)" in drawing
    ask = Ask("container_crash", stack="x.yml", roles=["a=entry"], links=["b->a"])
    assert "--stack x.yml --role a=entry --link 'b->a'" in ask.command(["compose"])


def test_a_stack_of_ours_is_not_drawn() -> None:
    assert plan(Ask("container_crash", stack="shop")).drawing == ""
    assert plan(Ask("container_crash")).drawing == ""
    assert "<svg" in plan(Ask("container_crash", stack=str(CASES / "suite.yml"))).drawing


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--role", "web=http"], "--role: found no file of yours; expected --stack FILE"),
        (["--stack", "sspp", "--link", "api->redis"], "found a stack of this program"),
        (["--stack", str(CASES / "nginx.yml"), "--role", "wb=http"], "did you mean web?"),
    ],
)
def test_corrections_that_are_wrong(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "container_crash", *words]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    "verb",
    [
        ["sweep", "container_crash", "--chosen"],
        ["cheapest", "container_crash", "--slo", "downtime_s<60"],
        ["decide"],
        ["audit"],
        ["play"],
    ],
    ids=lambda words: words[0],
)
def test_every_study_of_a_stack_takes_corrections(
    verb: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    stack = ["--stack", str(CASES / "nginx.yml")]
    for words, says in (
        (["--role", "web=htp", *stack], "did you mean http?"),
        (["--link", "wb->db", *stack], "did you mean web?"),
        (["--role", "web=http"], "found no file of yours"),
    ):
        assert main([*verb, *words]) == 2
        assert says in capsys.readouterr().err


def test_a_sweep_of_a_corrected_stack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["sweep", "container_crash", "--platform", "compose", "--reps", "1", "--no-plots"]
    words += ["--vary", "stack.services.jobs.accepts=at_once|one_by_one", "--out", str(tmp_path)]
    words += ["--stack", str(CASES / "nginx.yml"), "--set", "scenario.horizon=7m"]
    assert main(words) == 2  # a worker accepts nothing
    assert main([*words, "--role", "jobs=entry"]) == 0
    assert "at_once" in capsys.readouterr().out

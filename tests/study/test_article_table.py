"""The article's table: its data, its verdicts, its files, and that each ablation hurts."""

from __future__ import annotations

import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import sim
from sim.cli.app import main
from sim.library.scenarios import load_scenario
from sim.platforms import ablated, load, taken_away, title
from sim.platforms.platform import Platform
from sim.report.folder import write_each
from sim.report.text.words import platform as heading
from sim.schema.fields import InputError
from sim.study.article import table_text as article
from sim.study.article.article import CLAIMS, MEASURES, ROWS, ArticleRow, GeneralClaim
from sim.study.article.table import elsewhere, measure, prepare
from sim.study.article.table_text import ArticleTable, Measured, verdict
from sim.study.ask import Ask
from sim.study.batch import Batch
from sim.study.plan import plan
from tests import ENGINE
from tests.study.runs import ALONE

ROW = ArticleRow(
    "rollback", "A bad version", "build", "one command", "bad_rollout:errors", "minutes"
)


def loss(*values: float) -> dict[str, float]:
    return dict(zip(MEASURES, values, strict=True))


NOTHING = loss(0.0, 0.0, 0.0, 0.0)
LOSSES = {
    "compose": loss(262.0, 1171.0, 0.0, 9.1),
    "kubernetes": loss(12.0, 91.0, 2.0, 0.5),
    "kubernetes-rollback": loss(263.0, 1129.0, 0.0, 8.9),
}


# ---- names of ablations ----
def test_an_ablation_has_a_name() -> None:
    name = ablated("kubernetes", ["autoscaling", "rollback"])
    assert name == "kubernetes-autoscaling-rollback"
    assert taken_away(name) == ("kubernetes", ("autoscaling", "rollback"))
    assert load(name).autoscaling is load(name).rollback is None
    assert load(name).self_healing is load("kubernetes").self_healing
    assert title(name).endswith("; without autoscaling and rollback")
    assert heading("kubernetes_tuned-self_healing") == "Kubernetes tuned without self healing"


def test_ablations_run_beside_the_platforms_that_have_it() -> None:
    planned = plan(Ask("container_crash", ["compose", "kubernetes"], ablate=["rollback"]))
    assert planned.platforms == ("compose", "kubernetes", "kubernetes-rollback")
    assert planned.notes == ("compose has no rollback to take away",)


def test_what_a_setting_took_away_is_not_taken_away_again() -> None:
    settings = ["kubernetes.rollback=null"]
    planned = plan(Ask("container_crash", ["kubernetes"], settings=settings, ablate=["rollback"]))
    assert planned.platforms == ("kubernetes",)


def test_settings_hold_for_the_ablated_platform_too() -> None:
    late = {"kubernetes.self_healing.relist_s": "60s"}
    name = "container_crash:every_replica"
    both = sim.compare(name, ["kubernetes", "kubernetes-rollback"], settings=late, engine=ENGINE)
    figures = both.summary["platforms"]
    assert figures["kubernetes"] == figures["kubernetes-rollback"]
    assert figures["kubernetes"]["downtime_s"] > 20  # a listing a minute, not a second


@pytest.mark.parametrize("unknown", [["rolback"], ["autoscaling", "healing"]])
def test_an_unknown_capability_is_told_with_the_nearest(unknown: list[str]) -> None:
    with pytest.raises(InputError) as raised:
        plan(Ask("container_crash", ["kubernetes"], ablate=unknown))
    assert raised.value.issues[0].nearest in ("rollback", "self_healing")
    with pytest.raises(InputError):
        plan(Ask("container_crash", [f"kubernetes-{unknown[-1]}"]))


def test_ablate_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["run", "container_crash:every_replica", "--ablate", "self-healing,autoscaling"]
    arguments += ["--platform", "kubernetes", "--engine", "reference", "--no-plots"]
    assert main([*arguments, "--set", "scenario.horizon=15m", "--out", str(tmp_path / "r")]) == 0
    platforms = json.loads((tmp_path / "r" / "summary.json").read_text())["platforms"]
    assert list(platforms) == ["kubernetes", "kubernetes-self_healing-autoscaling"]
    without = platforms["kubernetes-self_healing-autoscaling"]
    assert without["downtime_s"] > 60 > platforms["kubernetes"]["downtime_s"]
    assert "without self healing" in " ".join(capsys.readouterr().out.split())


# ---- data ----
def test_the_rows_are_the_capabilities_and_their_scenarios_exist() -> None:
    capabilities = [row.capability for row in ROWS]
    assert len(capabilities) == 10
    assert set(capabilities) == set(Platform.__dataclass_fields__)
    for row in ROWS:
        assert load_scenario(row.scenario).horizon > 0
        assert row.metric in MEASURES


def test_claims_are_about_rows_and_those_that_could_fail_say_why() -> None:
    capabilities = {row.capability for row in ROWS}
    assert len({claim.id for claim in CLAIMS}) == len(CLAIMS)
    for claim in CLAIMS:
        assert claim.capability in capabilities
        if claim.kind == "needed" and getattr(load("compose"), claim.capability) is not None:
            assert claim.because, claim.id


def test_every_checkable_claim_of_the_article_has_a_verdict_somewhere() -> None:
    """BF, S and Y in the scenarios; N and K in the table, or there too."""
    decided = {*elsewhere(), *(claim.id for claim in CLAIMS)}
    single = ["BF1", "BF2", "BF3", "S1a", "S1b", "S2a", "S2b", "S2c", "S3a", "S3b", "S4a", "S4b",
              "S5a", "S5b", "Y1", "Y2", "Y3", "Y4"]  # fmt: skip
    general = [f"N{i}" for i in range(1, 11)] + [f"K{i}" for i in range(1, 12)]
    assert not {*single, *general, "A1", "A2", "A3"} - decided


# ---- verdicts ----
@pytest.mark.parametrize(
    ("kind", "limit", "filled", "losses", "holds"),
    [
        ("needed", 0.0, False, LOSSES, True),
        ("needed", 0.0, True, LOSSES, False),  # Docker does that: "none" is wrong
        ("needed", 0.0, False, {**LOSSES, "kubernetes-rollback": LOSSES["kubernetes"]}, False),
        ("solved", 3.0, False, LOSSES, True),
        ("solved", 0.4, False, LOSSES, False),
        ("needed", 0.0, False, {"kubernetes": NOTHING}, None),  # not measured
        ("solved", 0.0, False, {"compose": NOTHING}, None),
    ],
)
def test_verdict(kind: Any, limit: float, filled: bool, losses: Any, holds: bool | None) -> None:
    claim = GeneralClaim("K6", "a rollback is one command", "rollback", kind, limit)
    found = verdict(claim, Measured(ROW, losses), filled)
    assert (None if found is None else found.holds) is holds


@pytest.mark.parametrize(
    ("kind", "limit", "filled", "losses", "holds"),
    [
        ("lacks", 5.0, False, {"swarm": LOSSES["kubernetes-rollback"]}, True),
        ("lacks", 5.0, True, {"swarm": LOSSES["kubernetes-rollback"]}, False),  # it has one
        ("lacks", 99.0, False, {"swarm": LOSSES["kubernetes-rollback"]}, False),  # no harm done
        ("lacks", 5.0, False, LOSSES, None),
        ("solved", 99.0, False, {"swarm": LOSSES["kubernetes-rollback"]}, True),
    ],
)
def test_verdict_on_another_platform(
    kind: Any, limit: float, filled: bool, losses: Any, holds: bool | None
) -> None:
    claim = GeneralClaim("A1", "Swarm has no rollback", "rollback", kind, limit, platform="swarm")
    found = verdict(claim, Measured(ROW, losses), filled)
    assert (None if found is None else found.holds) is holds
    if found is not None:
        assert found.measured.startswith("Swarm")


@pytest.mark.parametrize("encrypted", [False, True])
def test_secrets_are_encrypted_only_where_that_is_configured(encrypted: bool) -> None:
    claim = GeneralClaim("K8", "secrets are encrypted", "secrets", "encrypted")
    found = verdict(claim, Measured(ROW, LOSSES), filled=False, encrypted=encrypted)
    assert found is not None
    assert found.holds is encrypted


# ---- files ----
def made() -> ArticleTable:
    failing = verdict(
        GeneralClaim("N6", "rollback", "rollback", "needed", because="it has one"),
        Measured(ROW, LOSSES),
        filled=True,
    )
    assert failing is not None
    return ArticleTable((Measured(ROW, LOSSES),), (failing,), {"S1a": ("a", "a:b")}, 7, 1, "0")


def test_written_as_markdown_csv_json_and_a_picture(tmp_path: Path) -> None:
    assert write_each(article.PAGE.parts(made(), more=True), tmp_path) == {}
    assert {path.name for path in tmp_path.iterdir()} == article.PAGE.files
    text = (tmp_path / "table.md").read_text()
    assert "| Problem | Compose | Kubernetes | ... without it |" in text
    assert "12 s down, 91 failed, 2 jobs lost, 30 s by hand" in text
    assert "**does not hold**: it has one" in text
    lines = list(csv.DictReader(StringIO((tmp_path / "table.csv").read_text())))
    assert [(x["platform"], x["without"]) for x in lines] == [
        ("compose", "False"), ("kubernetes", "False"), ("kubernetes", "True"),
    ]  # fmt: skip
    assert float(lines[2]["minutes"]) == 8.9
    record = json.loads((tmp_path / "table.json").read_text())
    assert record["rows"][0]["losses"]["kubernetes-rollback"]["failed"] == 1129.0
    assert record["claims"][0]["holds"] is False
    assert Image.open(tmp_path / "table.png").size == (1920, 1080)


def test_printed_within_100_columns() -> None:
    lines = article.text(made()).splitlines()
    assert max(map(len, lines)) <= 100
    assert any("Kubernetes without it" in line and "8 min 54 s" in line for line in lines)
    assert any("N6" in line and "DOES NOT HOLD" in line for line in lines)


def test_bad_input_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", "--platform", "kubernets"]) == 2
    assert "did you mean kubernetes" in capsys.readouterr().err
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["table", "--out", str(tmp_path)]) == 2
    assert (tmp_path / "mine.txt").exists()
    assert main(["table", "--reps", "0"]) == 2


def test_interrupted_it_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Batch, "run", stop)
    assert main(["table", "--out", str(tmp_path / "t")]) == 130
    assert list(tmp_path.iterdir()) == []


# ---- measured ----
@pytest.mark.slow
def test_each_ablation_moves_the_figure_that_its_capability_protects() -> None:
    table = measure(prepare(["compose", "kubernetes"]))
    for row, losses in table.rows:
        whole, without = losses["kubernetes"], losses[f"kubernetes-{row.capability}"]
        moved = without[row.metric] - whole[row.metric]
        assert moved >= MEASURES[row.metric].margin, f"{row.capability}: {whole} {without}"
        assert losses["compose"][row.metric] >= whole[row.metric]
    for one in table.verdicts:
        assert one.holds or one.claim.because, one
    here = {claim.id for claim in CLAIMS if claim.platform == "kubernetes"}
    assert {one.claim.id for one in table.verdicts} == here
    again = measure(prepare(["compose", "kubernetes"]), ALONE)
    assert article.PAGE.json(again) == article.PAGE.json(table)

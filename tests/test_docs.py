"""What the documents say is true: commands parse and run, links lead somewhere, files exist."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from sim import list_platforms, list_scenarios, list_stacks
from sim.cli.app import app, main
from sim.study.ask import Ask
from sim.study.plan import plan

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [
    *ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/workshop/*.md"),
    *ROOT.glob("notebooks/*.md"),
    ROOT / "reports" / "README.md",
]  # fmt: skip
COMPOSE = ROOT / "tests" / "data" / "compose" / "plain.yml"
# by a run, by a student, by a reader of the guide
WRITTEN = ("summary.md", "postmortem.md", "my.yaml", "platforms/systemd.py")
SHORT = ("--set", "scenario.horizon=7m", "--no-plots")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def commands(text: str) -> list[list[str]]:
    """Arguments of every `python -m sim ...`, also at the end of a longer line."""
    lines = [line for block in blocks(text, "sh") for line in block.splitlines()]
    found = [line.partition("python -m sim ")[2] for line in lines]
    return [shlex.split(rest, comments=True) for rest in found if rest]


COMMANDS = commands(README)
RUNS = [c for c in COMMANDS if c[0] == "run"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A reader's folder: with a Compose file and a trace of their own."""
    (tmp_path / "docker-compose.yml").write_bytes(COMPOSE.read_bytes())
    (tmp_path / "trace.csv").write_text("time,rate\n0,3\n600,12\n1200,3\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_readme_has_commands() -> None:
    assert len(COMMANDS) > 10
    assert ["run", "black_friday"] in COMMANDS


@pytest.mark.parametrize("arguments", RUNS, ids=" ".join)
@pytest.mark.usefixtures("folder")
def test_every_run_is_a_valid_plan(arguments: list[str]) -> None:
    _, bound, _ = app.parse_args(arguments, print_error=False, exit_on_error=False)
    given: dict[str, Any] = bound.arguments
    wanted = given.get("platform")
    plan(Ask(
        given["scenario"], wanted and wanted.split(","), given.get("seed", 1),
        given.get("reps", 1), given.get("stack"), given.get("settings") or (),
        given.get("engine", "auto"), given.get("traffic"),
    ))  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(c, marks=[pytest.mark.slow] if c[0] in ("table", "compare", "quarter") else [])
        for c in COMMANDS
        if c[0] != "run"
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("folder")
def test_list_and_explain_answer(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [c for c in RUNS if c[1].startswith("container_crash") and "--reps" not in c],
    ids=" ".join,
)
def test_quick_runs_run(arguments: list[str], folder: Path) -> None:
    assert main([*arguments, *SHORT]) == 0
    (report,) = (folder / "reports").iterdir()
    for name in ("summary.json", "summary.md", "timeline.csv", "series.csv"):
        assert (report / name).stat().st_size > 0
        assert f"`{name}`" in README
    if "--stack" in arguments:
        assert "## Assumed" in (report / "summary.md").read_text(encoding="utf-8")


@pytest.mark.run
def test_the_python_of_the_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    for block in blocks(README, "python"):
        exec(compile(block, "README.md", "exec"), {})
    assert "Kubernetes" in capsys.readouterr().out


def test_the_readme_names_everything_there_is() -> None:
    for name in (*list_scenarios(), *list_platforms(), *list_stacks()):
        assert re.search(rf"^\| `{name}` \|", README, re.M), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "#")):
            assert (page.parent / target.partition("#")[0]).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    """Paths in code marks stand below the repository or sim/; a bare `name.py` is somewhere."""
    bases = (ROOT, ROOT / "sim", ROOT / "sim" / "dataplane")
    names = {path.name for folder in ("sim", "tests") for path in (ROOT / folder).rglob("*.py")}
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"`([\w./-]+(?:\.(?:py|yaml|md|toml|ipynb)|/))`", text):
        if not re.search("[A-Z]{2,}_?[a-z]*/|NN_", name):  # reports/SCENARIO/, NN_name.py
            there = any((base / name).exists() for base in bases) or name in names
            written = name in WRITTEN
            assert there or written, f"{page.name}: {name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_know_no_machine(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"/(work|root|home|tmp)/", text)


@pytest.mark.parametrize("source", sorted(ROOT.glob("notebooks/[0-9]*.py")), ids=lambda s: s.name)
def test_notebooks_are_generated_from_their_sources(source: Path) -> None:
    jupytext = pytest.importorskip("jupytext")
    written = json.loads(source.with_suffix(".ipynb").read_text(encoding="utf-8"))["cells"]
    ours = [
        (cell.cell_type, cell.source)
        for cell in jupytext.read(source).cells
        if "check" not in cell.metadata.get("tags", [])  # executed, not shown: notebooks/make.py
    ]
    assert [(cell["cell_type"], "".join(cell["source"])) for cell in written] == ours
    code = [cell for cell in written if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in code), "not executed: python notebooks/make.py"
    assert not any(out["output_type"] == "error" for cell in code for out in cell["outputs"])
    assert source.with_suffix(".ipynb").stat().st_size < 300_000


GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")


def test_the_reading_order_has_stops_that_exist_and_names_what_is_there() -> None:
    text = (ROOT / "docs" / "reading_order.md").read_text(encoding="utf-8")
    stops = re.split(r"^\d+\. ", text, flags=re.M)[1:]
    assert 10 <= len(stops) <= 12
    for stop in stops:
        files = re.findall(r"`([\w/]+\.(?:py|yaml))`", stop)
        assert files
        there = "".join((ROOT / file).read_text(encoding="utf-8") for file in files)
        for name in re.findall(r"See [^:]*?`(\w+)`", stop):  # functions and classes to look at
            assert re.search(rf"\b{name}\b", there), f"{name} is not in {files}"


def glossary_column(heading: str, column: int) -> set[str]:
    """The entries of a column of the glossary's table below `heading`, taken apart at commas."""
    part = GLOSSARY.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.*) \|$", part, re.M)[1:]
    entries = (row.split(" | ")[column] for row in rows)
    return {one for entry in entries for one in (entry, *entry.split(", "))}


def test_the_glossary_has_every_row_and_column_of_the_printed_tables() -> None:
    from sim.results.figures import FIGURES

    rows = [figure for figure in FIGURES if figure.row is not None]
    assert len(rows) > 25
    known = glossary_column("The table, row by row", 0)
    for figure in rows:
        for word in {figure.row.label, figure.row.column} - {""}:
            line = f"| {word} | `{figure.path}` | what it means |"
            assert word in known, f"docs/glossary.md, The table, row by row: add {line}"


def test_the_glossary_has_every_figure_and_every_cause() -> None:
    from sim.dataplane.codes import JOB_CAUSES, REQUEST_CAUSES
    from sim.results.figures import FIGURES

    known = {one.strip("`") for one in glossary_column("The table, row by row", 1)}
    for figure in FIGURES:
        path = f"{figure.path}.*" if figure.parts else figure.path
        message = f"docs/glossary.md, The table, row by row: no row names `{path}`"
        assert path in known, message
    named = glossary_column("Failures", 0)
    for cause in (*REQUEST_CAUSES, *JOB_CAUSES):
        word = cause.replace("_", " ")
        assert word in named, f"docs/glossary.md, Failures: add | {word} | what it means |"


@pytest.mark.parametrize("platform", list_platforms())
def test_the_model_says_what_is_not_modelled_of_each_platform(platform: str) -> None:
    text = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
    assert f"**{platform}**" in text or platform in ("compose", "kubernetes")  # these have columns

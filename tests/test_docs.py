"""What the documents say is true: commands parse and run, links lead somewhere, files exist.

One that fails says what to write where."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sim import __version__, list_platforms, list_scenarios, list_stacks
from sim.cli.app import app, main
from sim.study.ask import Ask
from sim.study.plan import plan

ROOT = Path(__file__).resolve().parents[1]
GUIDES = (
    "README.md", "docs/command_line.md", "docs/scenarios.md", "docs/python.md", "docs/index.md",
    "docs/public_outages.md",
    *(f"docs/guide/{path.name}" for path in sorted(ROOT.glob("docs/guide/*.md"))),
)  # fmt: skip
TEXTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in GUIDES}
README, COMMAND_LINE, SCENARIOS, *_ = TEXTS.values()
PAGES = [
    *ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/workshop/*.md"),
    *ROOT.glob("docs/guide/*.md"),
    *ROOT.glob("notebooks/*.md"),
    ROOT / "reports" / "README.md",
]  # fmt: skip
COMPOSE = ROOT / "tests" / "data" / "compose" / "plain.yml"
# by a run, by a student, by a reader of the guide
WRITTEN = ("summary.md", "postmortem.md", "my.yaml", "platforms/systemd.py")
SHORT = ("--set", "scenario.horizon=7m", "--no-plots", "--reps", "1")
# verbs that run much, and what makes them short enough for a test
FEW = str(ROOT / "tests" / "data" / "few_rates.yaml")
LONG: dict[str, tuple[str, ...]] = {
    "table": (), "compare": (), "quarter": (), "sweep": (),
    "decide": ("--reps", "1", "--rates", FEW, "--no-plots"),
}  # fmt: skip


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def commands(text: str) -> list[list[str]]:
    """Arguments of every `python -m sim ...`, also at the end of a longer line."""
    lines = [line for block in blocks(text, "sh") for line in block.splitlines()]
    found = [line.partition("python -m sim ")[2] for line in lines]
    return [shlex.split(rest, comments=True) for rest in found if rest]


COMMANDS = [list(words) for words in dict.fromkeys(map(tuple, commands("\n".join(TEXTS.values()))))]
RUNS = [c for c in COMMANDS if c[0] == "run"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A reader's folder: with a Compose file and a trace of their own."""
    (tmp_path / "docker-compose.yml").write_bytes(COMPOSE.read_bytes())
    (tmp_path / "trace.csv").write_text("time,rate\n0,3\n600,12\n1200,3\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_readme_is_a_page_with_commands() -> None:
    lines = README.count("\n")
    assert lines <= 150, f"README.md has {lines} lines: move what is no first step to docs/"
    assert len(COMMANDS) > 20
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
        pytest.param(c, marks=[pytest.mark.slow] if c[0] in LONG else [])
        for c in COMMANDS
        if c[0] != "run"
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("folder")
def test_list_and_explain_answer(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments, *LONG.get(arguments[0], ())]) == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [c for c in RUNS if c[1].startswith("container_crash") and not {"--reps", "--until"} & set(c)],
    ids=" ".join,
)
def test_quick_runs_run(arguments: list[str], folder: Path) -> None:
    assert main([*arguments, *SHORT]) == 0
    (report,) = (folder / "reports").iterdir()
    for name in ("summary.json", "summary.md", "timeline.csv", "series.csv"):
        assert (report / name).stat().st_size > 0
        line = f"| `{name}` | what is in it |"
        assert f"`{name}`" in COMMAND_LINE, f"docs/command_line.md, What a run writes: add {line}"
    if "--stack" in arguments:
        assert "## Assumed" in (report / "summary.md").read_text(encoding="utf-8")


@pytest.mark.run
@pytest.mark.parametrize("name", [name for name in GUIDES if blocks(TEXTS[name], "python")])
def test_the_python_of_the_guides_runs(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for block in blocks(TEXTS[name], "python"):
        exec(compile(block, name, "exec"), {})
    assert "Kubernetes" in capsys.readouterr().out


def test_there_is_a_row_for_everything_there_is() -> None:
    rows = (
        (list_scenarios(), "what happens | what it is about"),
        (list_platforms(), "what it is"),
        (list_stacks(), "what it is"),
    )
    for names, columns in rows:
        for name in names:
            row = f"| `{name}` | {columns} |"
            found = re.search(rf"^\| `{name}` \|", SCENARIOS, re.M)
            assert found, f"docs/scenarios.md: add a row {row}"


def test_there_is_a_row_for_every_verb() -> None:
    for verb in app:
        if not verb.startswith("-"):
            row = f"| `{verb}` | what it does |"
            table = COMMAND_LINE.partition("| verb |")[2].partition("\n\n")[0]
            assert f"`{verb}`" in table, f"docs/command_line.md: add a row {row}"


def test_the_newest_entry_of_the_changes_is_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    (newest, *_) = re.findall(r"^## (\S+) - .+$", text, re.M)
    message = f"CHANGELOG.md: add `## {__version__} - TITLE` above {newest}"
    assert newest == __version__, message


def test_the_readme_leads_to_every_page() -> None:
    for page in sorted({*ROOT.glob("docs/*.md")} - {ROOT / "docs" / "index.md"}):  # the site's
        row = f"| [docs/{page.name}](docs/{page.name}) | what for |"
        assert f"](docs/{page.name})" in README, f"README.md, Where to read on: add a row {row}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "#")):
            there = (page.parent / target.partition("#")[0]).exists()
            assert there, f"{page.name}: nothing stands at {target}: write where it stands now"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    """Paths in code marks stand below the repository or sim/; a bare `name.py` is somewhere."""
    bases = (ROOT, ROOT / "sim", ROOT / "sim" / "dataplane")
    names = {path.name for folder in ("sim", "tests") for path in (ROOT / folder).rglob("*.py")}
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"`([\w./-]+(?:\.(?:py|yaml|md|toml|ipynb)|/))`", text):
        if not re.search("[A-Z]{2,}_?[a-z]*/|NN_|NAME", name):  # reports/SCENARIO/, NAME.yaml
            there = any((base / name).exists() for base in bases) or name in names
            written = name in WRITTEN
            message = f"{page.name}: there is no {name}: write where it stands now"
            assert there or written, message


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_know_no_machine(page: Path) -> None:
    own = re.search(r"/(work|root|home|tmp)/\S*", page.read_text(encoding="utf-8"))
    assert own is None, f"{page.name}: take {own and own.group()} away: it is of one machine"


@pytest.mark.parametrize("source", sorted(ROOT.glob("notebooks/[0-9]*.py")), ids=lambda s: s.name)
def test_notebooks_are_generated_from_their_sources(source: Path) -> None:
    jupytext = pytest.importorskip("jupytext")
    written = json.loads(source.with_suffix(".ipynb").read_text(encoding="utf-8"))["cells"]
    ours = [
        (cell.cell_type, cell.source)
        for cell in jupytext.read(source).cells
        if "check" not in cell.metadata.get("tags", [])  # executed, not shown: notebooks/make.py
    ]
    again = f"run `python notebooks/make.py`: {source.stem}.ipynb is not what {source.name} says"
    assert [(cell["cell_type"], "".join(cell["source"])) for cell in written] == ours, again
    code = [cell for cell in written if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in code), "not executed: python notebooks/make.py"
    assert not any(out["output_type"] == "error" for cell in code for out in cell["outputs"])
    assert source.with_suffix(".ipynb").stat().st_size < 300_000
    question = False
    for cell in written:  # an answer below its question is folded away until somebody asks
        if cell["cell_type"] == "markdown":
            question = "Predict" in "".join(cell["source"])
        else:
            hidden = cell["metadata"].get("jupyter", {}).get("outputs_hidden", False)
            assert hidden == question, f"{source.stem}: {again}"


GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")


def test_the_reading_order_has_stops_that_exist_and_names_what_is_there() -> None:
    text = (ROOT / "docs" / "reading_order.md").read_text(encoding="utf-8")
    stops = re.split(r"^\d+\. ", text, flags=re.M)[1:]
    assert 10 <= len(stops) <= 12
    for number, stop in enumerate(stops, 1):
        files = re.findall(r"`([\w/]+\.(?:py|yaml))`", stop)
        assert files, f"docs/reading_order.md, stop {number}: name a file to open"
        there = "".join((ROOT / file).read_text(encoding="utf-8") for file in files)
        for name in re.findall(r"See [^:]*?`(\w+)`", stop):  # functions and classes to look at
            message = f"docs/reading_order.md, stop {number}: {name} is not in {files}: what is?"
            assert re.search(rf"\b{name}\b", there), message


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
    said = f"**{platform}**" in text or platform in ("compose", "kubernetes")  # these have columns
    assert said, f"docs/model.md: add what is not modelled of it, beginning with **{platform}**"


def test_the_accuracy_page_quotes_what_the_notebook_printed() -> None:
    page = (ROOT / "docs" / "guide" / "accuracy.md").read_text(encoding="utf-8")
    notebook = json.loads((ROOT / "notebooks" / "07_is_it_right.ipynb").read_text(encoding="utf-8"))
    cells = (cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    outputs = [output for cell in cells for output in cell["outputs"]]
    printed = "".join(
        "".join(output.get("data", {}).get("text/plain", output.get("text", ())))
        for output in outputs
    )
    rows = re.findall(r"^\| (M/M/\d, \d\d% busy) \| ([\d. |]+) \|$", page, re.M)
    assert len(rows) == 10
    for system, numbers in rows:
        columns = r"\s+".join(map(re.escape, numbers.split(" | ")))
        found = re.search(rf"{re.escape(system)}\s+{columns}\s", printed)
        assert found, f"docs/guide/accuracy.md: {system} is not what notebook 7 printed"
    assert re.search(r"15 of 16 intervals contain the theory", printed)


def test_the_site_names_every_page() -> None:
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = [path.relative_to(ROOT / "docs") for path in ROOT.glob("docs/*.md")]
    pages += [path.relative_to(ROOT / "docs") for path in ROOT.glob("docs/guide/*.md")]
    for page in pages:
        assert f": {page.as_posix()}" in nav, f"mkdocs.yml, nav: add a line for {page}"


@pytest.mark.slow
def test_the_site_builds_without_a_network(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    asked = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?://[^"]+)"', page)
    assert not asked, "the site asks somebody else's server"

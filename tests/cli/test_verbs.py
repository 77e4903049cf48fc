"""Every verb is found: a file in sim/cli/verbs needs its words, and a page that shows it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from sim.cli.app import main
from sim.cli.verbs import verbs

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
VERBS = dict(verbs())
SEVERAL = {
    "excerpt": tuple(
        f"--{word} STR" for word in ("from", "to", "busiest", "speed", "path", "scale")
    ),
    "reading": ("--role STR", "--link STR"),
    "site": ("--store PATH", "--workers INT", "--cluster STR"),
    "show": (
        "--json", "--plots --no-plots", "--export STR", "--watch", "--postmortem", "--check",
        "--equal-means", "--rungs", "--orders", "--unknowns", "--full",
    ),
    "conditions": ("--until STR", "--expect STR", "--junit PATH"),
}  # fmt: skip
SEVERAL["options"] = (
    *SEVERAL["reading"], *SEVERAL["site"], "--stack STR", "--traffic STR", "--seed INT", "--set STR"
)  # fmt: skip


def test_these_are_there() -> None:
    assert {"run", "compare", "list", "explain", "table", "claims", "quarter"} <= set(VERBS)
    assert {"challenge", "quiz"} <= set(VERBS)


@pytest.mark.parametrize("name", VERBS)
def test_it_is_in_the_help_with_its_first_sentence(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--help"]) == 0
    rows = re.findall(r"^│ (\w+) +(\S+ \S+)", capsys.readouterr().out, re.M)
    first = " ".join((inspect.getdoc(VERBS[name]) or "").split()[:2])
    assert (name, first) in rows, f"a docstring of {name}() begins with what it does"


@pytest.mark.parametrize(("name", "verb"), VERBS.items())
def test_every_option_is_explained(
    name: str, verb: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--help"]) == 0
    printed = capsys.readouterr().out
    parameters = list(inspect.signature(verb, eval_str=True).parameters.values())
    for parameter in parameters:
        if parameter.name in SEVERAL:  # a record of options
            for word in SEVERAL[parameter.name]:
                row = re.search(rf"^│ *{word}(\.\.\.)?  +[^\s│[]", printed, re.M)
                assert row, f"{name} {word}: say what it is"
            continue
        own = parameter.name.rstrip("_").replace("_", "-")
        own = "set" if own == "settings" else own
        word = (
            own.upper()
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL)
            else f"--{own}"
        )
        row = re.search(rf"^│ \*? *{re.escape(word)}\b(?: [^ ]+)*  +[^\s│[]", printed, re.M)
        assert row, f"{name} {word}: say what it is below `Parameters` of {name}()"


@pytest.mark.parametrize("name", VERBS)
def test_a_page_shows_it(name: str) -> None:
    shown = [page.name for page in PAGES if re.search(rf"sim {name}\b", page.read_text("utf-8"))]
    assert shown, f"show `python -m sim {name}` in README.md or a page of docs/"

"""How a study is written: for a terminal, as Markdown, JSON and CSV, and as a picture.

A module that says a study has a `PAGE`; `sim.cli.delivery` writes and shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from textwrap import wrap
from typing import Any, Generic, TypeVar

from sim.report.folder import Parts, texts
from sim.report.plots import drawable
from sim.report.text.columns import WIDTH, Cells, aligned, csv_text, json_text, markdown_table

T = TypeVar("T")
Text = Callable[[T], str]
Lay = Callable[[Cells], list[str]]  # how a table becomes lines
Lines = Callable[[T, Lay, int | None], Iterable[str]]  # of a study, with so many rows of a table


@dataclass(frozen=True)
class StudyPage(Generic[T]):
    """`name`: of its files. `tables`: records by the name of a CSV file; `others`: texts of further
    files; `wished`: of those that are written on demand, "" where there is none."""

    name: str
    text: Text[T]
    markdown: Text[T]
    record: Callable[[T], Mapping[str, Any]]
    tables: Mapping[str, Callable[[T], list[dict[str, Any]]]] = field(default_factory=dict)
    others: Mapping[str, Text[T]] = field(default_factory=dict)
    wished: Mapping[str, Text[T]] = field(default_factory=dict)
    picture: str = ""  # `module:function` that draws it, loaded when it is wanted
    noun: str = "report"

    @property
    def files(self) -> frozenset[str]:
        """All that a report may have."""
        kinds = ("json", "md", *["png"] * bool(self.picture))
        own = (f"{self.name}.{kind}" for kind in kinds)
        return frozenset([*own, *self.tables, *self.others, *self.wished])

    def json(self, study: T) -> str:
        return json_text(self.record(study))

    def parts(self, study: T, more: bool = False) -> Parts:
        """What writes each file; `more`: also the picture, and what is wished for."""
        makers: dict[str, Callable[[], str]] = {
            f"{self.name}.json": partial(self.json, study),
            f"{self.name}.md": partial(self.markdown, study),
        }
        for file, rows in self.tables.items():
            makers[file] = partial(lambda rows: csv_text(rows(study)), rows)
        for file, text in self.others.items():
            makers[file] = partial(text, study)
        for file, text in self.wished.items() if more else ():
            if wish := text(study):
                makers[file] = partial(str, wish)
        draws = more and self.picture and drawable()
        picture = {f"{self.name}.png": partial(self.draw, study)} if draws else {}
        return {**texts(makers), **picture}

    def draw(self, study: T, path: Path) -> None:
        module, _, function = self.picture.partition(":")
        getattr(import_module(module), function)(study).savefig(path)


def spoken(lines: Lines[T], most: int | None = None) -> Text[T]:
    """For a terminal, with `most` rows of a table; all folded to its width."""

    def folded(study: T) -> Iterator[str]:
        for line in lines(study, partial(aligned, width=WIDTH), most):
            is_paragraph = len(line) > WIDTH and "  " not in line
            yield from wrap(line, WIDTH, break_on_hyphens=False) if is_paragraph else [line]

    return lambda study: "\n".join(folded(study)) + "\n"


def titled(title: Text[T], lines: Lines[T]) -> Text[T]:
    """All of it as Markdown."""
    return lambda study: (
        "\n".join([f"# {title(study)}", "", *lines(study, markdown_table, None)]) + "\n"
    )

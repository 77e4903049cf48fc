"""A YAML value that knows the file and line it stands in, so that files can be merged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sim.schema.fields import Issue
from sim.schema.text.document import Document, Path_

Mark = tuple[int, int]


@dataclass(frozen=True)
class Tree:
    """A mapping of names to these, a list of these, or a scalar."""

    value: Any
    file: str = ""
    mark: Mark = (0, 0)
    key: Mark = (0, 0)
    tag: str = ""  # !reset or !override

    def __getitem__(self, name: str) -> Tree:
        """The value below; nothing, at this place, if there is none."""
        if isinstance(self.value, dict) and name in self.value:
            part: Tree = self.value[name]
            return part
        return replace(self, value=None, tag="")

    def __contains__(self, name: str) -> bool:
        return isinstance(self.value, dict) and name in self.value

    def of(self, value: Any) -> Tree:
        """Another value at the same place."""
        return replace(self, value=value, tag="")

    def issue(self, field: str, found: str, expected: str, nearest: str = "") -> Issue:
        line, column = self.mark
        return Issue(self.file, line, column, field, found, expected, nearest)

    def plain(self) -> Any:
        """The value without its places."""
        if isinstance(self.value, dict):
            return {name: part.plain() for name, part in self.value.items()}
        if isinstance(self.value, list):
            return [part.plain() for part in self.value]
        return self.value


def tree_of(document: Document, value: Any = ..., path: Path_ = ()) -> Tree:
    """A document's data, with its places."""
    value = document.data if value is ... else value
    body: Any = value
    if isinstance(value, dict):
        body = {name: tree_of(document, part, (*path, name)) for name, part in value.items()}
    elif isinstance(value, list):
        body = [tree_of(document, part, (*path, i)) for i, part in enumerate(value)]
    mark, key = document.marks.get(path, (0, 0)), document.keys.get(path, (0, 0))
    return Tree(body, document.file, mark, key, document.tags.get(path, ""))


def as_document(top: Tree, file: str) -> Document:
    """All of it as one document again, whose places name the file of each value."""
    document = Document(file, top.plain())
    for path, part in _walk(top, ()):
        document.marks[path] = part.mark
        document.keys[path] = part.key if any(part.key) else part.mark
        if part.file != file:
            document.files[path] = part.file
    return document


def _walk(part: Tree, path: Path_) -> Iterator[tuple[Path_, Tree]]:
    yield path, part
    if isinstance(part.value, dict):
        for name, below in part.value.items():
            yield from _walk(below, (*path, name))
    elif isinstance(part.value, list):
        for i, below in enumerate(part.value):
            yield from _walk(below, (*path, i))

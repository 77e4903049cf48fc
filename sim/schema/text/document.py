"""YAML to plain data that remembers the line and column of every key and value.

Scalars follow YAML 1.2 (`no` and `22:22` stay text). Keys are always text. Refused with their
place: what is not YAML, a key twice in one mapping, an alias inside its own anchor, and a file
that grows beyond reason when its aliases are written out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from sim.schema.characters import joined
from sim.schema.fields import InputError, Issue

MAX_NODES = 100_000  # a Compose file of a hundred services has some thousands
Key = str | int
Path_ = tuple[Key, ...]
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True)
class Document:
    """A file's data, and where each dotted path of it stands (line and column from 1)."""

    file: str
    data: Any = None
    marks: dict[Path_, tuple[int, int]] = field(default_factory=dict)  # of values
    keys: dict[Path_, tuple[int, int]] = field(default_factory=dict)  # of the keys before them
    tags: dict[Path_, str] = field(default_factory=dict)  # of values that have one: `!reset`
    files: dict[Path_, str] = field(default_factory=dict)  # of values merged from another file

    def issue(
        self,
        path: Sequence[Key],
        found: str = "",
        expected: str = "",
        nearest: str = "",
        *,
        key: bool = False,
    ) -> Issue:
        """One problem at a path (of its value, or of its key); at the closest known ancestor when
        the path itself has no place."""
        known = tuple(path)
        while known and known not in self.marks:
            known = known[:-1]
        line, column = self.marks.get(known, (0, 0))
        if key:
            line, column = self.keys.get(known, (line, column))
        name = ".".join(str(key) for key in path)
        file = self.files.get(known, self.file)
        return Issue(file, line, column, name, found, expected, nearest)

    def place(self, path: Sequence[Key]) -> str:
        """`compose.yml:12`, of the value at a path or of what stands around it."""
        known = self.issue(path)
        return f"{known.file}:{known.line}" if known.line else known.file

    def error(
        self, path: Sequence[Key], found: str = "", expected: str = "", nearest: str = ""
    ) -> InputError:
        return InputError(issues=[self.issue(path, found, expected, nearest)])


def read_yaml(text: str, file: str) -> Document:
    """Parse one YAML document whose top is a mapping. The data is the caller's own."""
    document = _parsed(text, file)
    return replace(document, data=deepcopy(document.data))


def read_documents(text: str, file: str) -> list[Document]:
    """Every document of a YAML stream, whatever is in it; an empty one has None. Raises
    `InputError` for what is not YAML."""
    try:
        return [_Reader(file).read(root) for root in YAML(typ="safe", pure=True).compose_all(text)]
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        why = f"not YAML ({error.problem or error.context})"
        raise InputError(file, line, column, found=why, expected="a YAML file") from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        found = f"the character U+{ord(text[error.position]):04X}"
        raise InputError(file, line, column, found=found, expected="text") from None
    except YAMLError as error:
        why = f"not YAML ({str(error).splitlines()[0]})"
        raise InputError(file, found=why, expected="a YAML file") from None
    except RecursionError:
        why = "mappings or lists nested too deep"
        raise InputError(file, found=why, expected="at most some hundred levels") from None


@lru_cache(maxsize=64)  # nearly every scenario has the same stack, which takes 40 ms
def _parsed(text: str, file: str) -> Document:
    documents = read_documents(text, file)
    if len(documents) > 1:
        raise documents[1].error((), "a second document", "one document")
    document = documents[0] if documents else Document(file)
    if not isinstance(document.data, dict):
        found = "an empty file" if document.data is None else describe(document.data)
        raise InputError(file, 1, 1, found=found, expected="a mapping of fields")
    return document


def parse_value(text: str, file: str) -> Any:
    """One value as it could stand in a YAML file: `5`, `250ms`, `[api, worker]`, `{mean: 2s}`."""
    try:
        return _Reader(file).read(YAML(typ="safe", pure=True).compose(text)).data
    except (YAMLError, RecursionError):
        raise InputError(file, found=describe(text), expected="a value as in YAML") from None


def describe(value: object) -> str:
    """How a message calls a value that it found."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, int) and value.bit_length() > 128:
        # Python itself writes no more than 4300 of them
        return f"a whole number of some {int(value.bit_length() * math.log10(2)) + 1} digits"
    return str(value)


class _Reader:
    """Walks the composed nodes once; collects duplicate keys so that all are told together."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.marks: dict[Path_, tuple[int, int]] = {}
        self.keys: dict[Path_, tuple[int, int]] = {}
        self.tags: dict[Path_, str] = {}
        self.issues: list[Issue] = []
        self.open: set[int] = set()
        self.count = 0

    def read(self, root: Node | None) -> Document:
        data = self.value(root, ()) if root is not None else None
        if self.issues:
            raise InputError(issues=self.issues)
        return Document(self.file, data, self.marks, self.keys, self.tags)

    def value(self, node: Node, path: Path_) -> Any:
        self.count += 1
        self.marks.setdefault(path, _place(node))
        if str(node.tag).startswith("!"):
            self.tags[path] = str(node.tag)
        if isinstance(node, ScalarNode):
            return _scalar(node)
        if id(node) in self.open or self.count > MAX_NODES:
            self.stop(node, path)
        self.open.add(id(node))
        result: Any = None
        if isinstance(node, MappingNode):
            result = self.mapping(node, path)
        elif isinstance(node, SequenceNode):
            result = self.items(node, path)
        self.open.discard(id(node))
        return result

    def stop(self, node: Node, path: Path_) -> None:
        loop = id(node) in self.open
        found = "an alias inside its own anchor" if loop else f"more than {MAX_NODES} values"
        name = ".".join(map(str, path))
        raise InputError(self.file, *_place(node), name, found, "plain data of finite size")

    def items(self, node: SequenceNode, path: Path_) -> list[Any]:
        return [self.value(item, (*path, i)) for i, item in enumerate(node.value)]

    def mapping(self, node: MappingNode, path: Path_) -> dict[str, Any]:
        own: dict[str, Any] = {}
        lines: dict[str, int] = {}
        merged: list[Node] = []
        for key_node, value_node in node.value:
            key = joined(str(key_node.value)) if isinstance(key_node, ScalarNode) else "?"
            place = _place(key_node)
            if str(key_node.tag) == _TAG + "merge":
                merged += value_node.value if isinstance(value_node, SequenceNode) else [value_node]
                continue
            if not isinstance(key_node, ScalarNode):
                self.tell(place, path, "a key that is itself a mapping or list", "a name")
            elif key in own:
                first = f"a key once (it stands first in line {lines[key]})"
                self.tell(place, (*path, key), f"the key {key!r} again", first)
            lines.setdefault(key, place[0])
            self.keys[(*path, key)] = place
            scalar = isinstance(value_node, ScalarNode) and bool(value_node.value)
            self.marks[(*path, key)] = _place(value_node) if scalar else place
            own[key] = self.value(value_node, (*path, key))
        return own | self.merge(merged, path, own) if merged else own

    def merge(self, nodes: Iterable[Node], path: Path_, own: dict[str, Any]) -> dict[str, Any]:
        """Merge keys (`<<: *base`): the mapping's own keys win, then the earlier merge's."""
        result: dict[str, Any] = {}
        for node in nodes:
            known = [(*path, key) for key in own | result]
            marks, keys = ({at: places[at] for at in known} for places in (self.marks, self.keys))
            value = self.value(node, path)
            self.marks |= marks
            self.keys |= keys
            if isinstance(value, dict):
                result = value | result
            else:
                self.tell(_place(node), path, f"<< with {describe(value)}", "a mapping to merge")
        return {key: value for key, value in result.items() if key not in own}

    def tell(self, place: tuple[int, int], path: Path_, found: str, expected: str) -> None:
        name = ".".join(map(str, path))
        self.issues.append(Issue(self.file, *place, name, found, expected))


def _place(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _scalar(node: ScalarNode) -> Any:
    """A scalar by the YAML 1.2 core schema; anything that does not fit stays text."""
    kind, text = str(node.tag).removeprefix(_TAG), joined(str(node.value))
    if kind == "null":
        return None
    if kind == "bool" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    convert: dict[str, Callable[[str], Any]] = {"int": _int, "float": _float}
    try:
        return convert[kind](text) if kind in convert else text
    except ValueError:
        return text


def _int(text: str) -> int:
    body = text.replace("_", "")
    base = 0 if body.lstrip("+-")[:2].lower() in ("0x", "0o") else 10
    return int(body, base)


def _float(text: str) -> float:
    body = text.replace("_", "").lower()
    return float(body.replace(".inf", "inf").replace(".nan", "nan"))

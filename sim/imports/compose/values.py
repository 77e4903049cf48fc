"""Values as Compose writes them: sizes, ports, counts, restart policies, commands.

Sizes are binary: `50M` and `50mb` are 50 x 1024^2 (the CLI reads them with docker/go-units
RAMInBytes; its issue 13: `docker run -m 100MB` gives 104,857,600). Durations as Go writes them.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sim.imports.compose.merge import split_port
from sim.imports.evidence import Origin
from sim.schema.fields import InputError, parse_duration
from sim.schema.text.document import Document, Path_, describe

_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?", re.IGNORECASE)
_POWER = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_TARGET = re.compile(r"\d+(-\d+)?")
_ADDRESS = re.compile(r"(\[?[0-9a-fA-F:.]*\]?)")
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0", "")


class Published(NamedTuple):
    """Ports of the server, first and last, at one of its addresses (empty: at all)."""

    first: int
    last: int
    protocol: str
    address: str = ""

    def collides(self, other: Published) -> bool:
        """Whether the second of them would find its port taken. A range takes one that is free."""
        one_each = self.first == self.last and other.first == other.last
        anywhere = ("", "0.0.0.0", "::")
        same = self.address == other.address or bool({self.address, other.address} & {*anywhere})
        return one_each and self[:3] == other[:3] and same


@dataclass(frozen=True)
class Node:
    """A value of the file with its place, so that a reader can complain about it. Whatever is read
    is noted in `read`, so that the rest can be told."""

    document: Document
    path: Path_
    value: Any
    read: set[Path_] = field(default_factory=set, compare=False)

    def at(self, path: Path_, value: Any) -> Node:
        return Node(self.document, path, value, self.read)

    @property
    def origin(self) -> Origin:
        """Where the value stands, and that it was used."""
        self.read.add(self.path)
        return Origin("file", self.document.place(self.path))

    def get(self, *keys: str) -> Node:
        """The value below; None if any part is missing."""
        value, path = self.value, self.path
        for key in keys:
            if value is not None and not isinstance(value, dict):
                raise self.at(path, value).wrong("a mapping")
            path = (*path, key)
            value = value.get(key) if value else None
        return self.at(path, value)

    def items(self) -> Iterator[Node]:
        """The entries of a list; of a single value, itself; of nothing, none."""
        if isinstance(self.value, list):
            for i, value in enumerate(self.value):
                yield self.at((*self.path, i), value)
        elif self.value is not None:
            yield self

    def wrong(self, expected: str, nearest: str = "") -> InputError:
        return self.document.error(self.path, describe(self.value), expected, nearest)

    def text(self) -> str:
        if isinstance(self.value, dict | list):
            raise self.wrong("text")
        self.read.add(self.path)
        return "" if self.value is None else str(self.value)

    def flag(self) -> bool:
        word = self.text().lower()
        if word not in (*_TRUE, *_FALSE):
            raise self.wrong("true or false")
        return word in _TRUE

    def count(self) -> int | None:
        if self.value is None:
            return None
        text = self.text()
        if not re.fullmatch(r"\d{1,9}", text):
            raise self.wrong("a whole number of at least 0, without a unit")
        return int(text)

    def number(self) -> float | None:
        """A number of cores; 0 means no limit, as in Docker."""
        if self.value is None:
            return None
        text = self.text()
        if not re.fullmatch(r"\d+(\.\d*)?|\.\d+", text):
            raise self.wrong("a number such as 0.5")
        return float(text) or None

    def size(self) -> int | None:
        """Bytes; 0 means no limit, as in Docker."""
        if self.value is None:
            return None
        match = _SIZE.fullmatch(self.text().strip())
        if not match:
            raise self.wrong("a size such as 512m or 1g")
        return int(float(match[1]) * 1024 ** _POWER[match[2].lower()]) or None

    def seconds(self) -> float | None:
        if self.value is None:
            return None
        try:
            return parse_duration(self.text())
        except ValueError as error:
            nearest = f"{self.value}s" if self.text().isdecimal() else ""
            raise self.wrong(str(error), nearest) from None

    def words(self) -> list[str]:
        """A command, written as one line or as a list; what a shell is given (`sh -c "..."`) as the
        words of its own."""
        if isinstance(self.value, list):
            words = [str(part) for part in self.value]
        else:
            words = _split(self.text())
        return list(_unwrapped(words))

    def port(self) -> Published | None:
        """One entry of `ports:`; None when nothing of the server is published."""
        if isinstance(self.value, dict):
            host, protocol = (self.get(key).text() for key in ("published", "protocol"))
            address, target = (str(self.value.get(key) or "") for key in ("host_ip", "target"))
            if not _TARGET.fullmatch(target):
                raise self.get("target").wrong("a port of the container")
        else:
            address, host, target, protocol = split_port(self.text())
            if not _TARGET.fullmatch(target) or not _ADDRESS.fullmatch(address):
                raise self.wrong('a port such as "8080:80", or target: and published:')
        if not re.fullmatch(r"(\d+(-\d+)?)?", host):
            raise self.wrong("a published port such as 8080 or 8080-8085")
        if not host:
            return None
        first, _, last = host.partition("-")
        kind = (protocol or "tcp").lower()
        published = Published(int(first), int(last or first), kind, address.strip("[]"))
        if not 0 < published.first <= published.last <= 65535:
            raise self.wrong("ports from 1 to 65535")
        return published

    def restart(self) -> tuple[str, int | None]:
        """`restart:` -> policy and the N of on-failure:N."""
        if self.value in (None, False, ""):
            return "no", None
        policy, _, attempts = self.text().partition(":")
        valid: tuple[str, ...] = ("no", "always", "unless-stopped", "on-failure")
        if policy not in valid or (attempts and not attempts.isdecimal()):
            near = policy.replace("_", "-")
            nearest = near if near in valid else ""
            raise self.wrong(f"one of {', '.join(valid)} (or on-failure:N)", nearest)
        return policy, int(attempts) if attempts and int(attempts) else None


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _unwrapped(words: list[str]) -> Iterator[str]:
    """The words, those that a shell is given to run among them."""
    shell = False
    for i, word in enumerate(words):
        if shell and re.fullmatch(r"-\w*c", words[i - 1]):
            yield from (part.strip(";") for part in _split(word) if part.strip(";"))
            shell = False
            continue
        shell = shell or word.rsplit("/", 1)[-1] in ("sh", "bash", "ash", "dash")
        yield word


def option(words: list[str], *names: str) -> str | None:
    """The value of `--name value`, `--name=value` or `-n4` among the words of a command."""
    for i, word in enumerate(words):
        head, equals, value = word.partition("=")
        if head in names:
            if equals:
                return value
            return words[i + 1] if i + 1 < len(words) else None
        for name in names:
            if len(name) == 2 and word.startswith(name) and word[2:].isdecimal():
                return word[2:]
    return None


def server_option(words: list[str], name: str) -> str | None:
    """The value of `-c name=value`, `--name=value` or `--name value`, in either spelling."""
    names = (name, name.replace("_", "-"))
    for i, word in enumerate(words):
        head, equals, value = word.removeprefix("-c").partition("=")
        if head.lstrip("-") in names:
            if equals:
                return value
            if word.startswith("--") and i + 1 < len(words):
                return words[i + 1]
    return None

"""Values as Compose writes them: sizes, ports, counts, restart policies, commands.

Sizes are binary: `50M` and `50mb` are 50 x 1024^2 (the CLI reads them with docker/go-units
RAMInBytes; its issue 13: `docker run -m 100MB` gives 104,857,600). Durations as Go writes them.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from sim.schema.fields import InputError, parse_duration
from sim.schema.text.document import Document, Path_, describe

_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?", re.IGNORECASE)
_POWER = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_PORT = re.compile(
    r"(?:(?P<ip>\[[0-9a-fA-F:.]+\]|\d+(?:\.\d+){3}|::1|::):)?(?:(?P<host>\d*(?:-\d+)?):)?"
    r"(?P<target>\d+(?:-\d+)?)(?:/(?P<protocol>\w+))?"
)
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0", "")


class Published(NamedTuple):
    """A port of the server: first and last of its range (0 to 0: whichever is free)."""

    first: int
    last: int
    protocol: str


@dataclass(frozen=True)
class Node:
    """A value of the file with its place, so that a reader can complain about it."""

    document: Document
    path: Path_
    value: Any

    def get(self, *keys: str) -> Node:
        """The value below; None if any part is missing."""
        value, path = self.value, self.path
        for key in keys:
            if value is not None and not isinstance(value, dict):
                raise Node(self.document, path, value).wrong("a mapping")
            path = (*path, key)
            value = value.get(key) if value else None
        return Node(self.document, path, value)

    def items(self) -> Iterator[Node]:
        """The entries of a list; of a single value, itself; of nothing, none."""
        if isinstance(self.value, list):
            for i, value in enumerate(self.value):
                yield Node(self.document, (*self.path, i), value)
        elif self.value is not None:
            yield self

    def wrong(self, expected: str, nearest: str = "") -> InputError:
        return self.document.error(self.path, describe(self.value), expected, nearest)

    def text(self) -> str:
        if isinstance(self.value, dict | list):
            raise self.wrong("text")
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
            nearest = f"{self.value}s" if self.text().isdigit() else ""
            raise self.wrong(str(error), nearest) from None

    def words(self) -> list[str]:
        """A command, written as one line or as a list."""
        if isinstance(self.value, list):
            return [str(part) for part in self.value]
        try:
            return shlex.split(self.text())
        except ValueError:
            return self.text().split()

    def port(self) -> Published | None:
        """One entry of `ports:`; None when nothing of the server is published."""
        if isinstance(self.value, dict):
            host, protocol = self.get("published").text(), self.get("protocol").text()
            if not re.fullmatch(r"\d+(-\d+)?", self.get("target").text()):
                raise self.get("target").wrong("a port of the container")
        else:
            match = _PORT.fullmatch(self.text().strip())
            if not match:
                raise self.wrong('a port such as "8080:80", or target: and published:')
            host, protocol = match["host"] or "", match["protocol"] or ""
        if not re.fullmatch(r"(\d+(-\d+)?)?", host):
            raise self.wrong("a published port such as 8080 or 8080-8085")
        if not host:
            return None
        first, _, last = host.partition("-")
        published = Published(int(first), int(last or first), (protocol or "tcp").lower())
        if not 0 < published.first <= published.last <= 65535:
            raise self.wrong("ports from 1 to 65535")
        return published

    def restart(self) -> tuple[str, int | None]:
        """`restart:` -> policy and the N of on-failure:N."""
        if self.value is None or self.value is False:
            return "no", None
        policy, _, attempts = self.text().partition(":")
        valid = ("no", "always", "unless-stopped", "on-failure")
        if policy not in valid or (attempts and not attempts.isdigit()):
            near = policy.replace("_", "-")
            nearest = near if near in valid else ""
            raise self.wrong(f"one of {', '.join(valid)} (or on-failure:N)", nearest)
        return policy, int(attempts) if attempts and int(attempts) else None


def option(words: list[str], *names: str) -> str | None:
    """The value of `--name value` or `--name=value` among the words of a command."""
    for i, word in enumerate(words):
        head, equals, value = word.partition("=")
        if head in names:
            if equals:
                return value
            return words[i + 1] if i + 1 < len(words) else None
    return None


def postgres_option(words: list[str], name: str) -> str | None:
    """The value of `-c name=value` or `--name=value`, in either spelling of the name."""
    dashed = name.replace("_", "-")
    for word in words:
        head, equals, value = word.removeprefix("-c").partition("=")
        if equals and head.lstrip("-") in (name, dashed):
            return value
    return None

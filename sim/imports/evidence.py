"""What an import understood: the stack, where each value of it came from, who calls whom, and what
was left out. The same record for every kind of file.

Whoever reads a file collects in `Notes`; what they hand on is an `Imported`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, cast, get_args

from sim.schema.engines import ROLE_NAMES
from sim.schema.fields import InputError
from sim.schema.stack import Role, Stack
from sim.schema.text.document import Path_, describe
from sim.schema.text.validation import closest, one_of

ENTRY = "entry"  # in place of a role: http, and users' requests go there
Confidence = Literal["high", "medium", "low"]
_ROLE = re.compile(r"\s*(?P<name>[^=\s]+)\s*=\s*(?P<role>[^=\s]+)\s*")
_LINK = re.compile(r"\s*(?P<caller>[^\s>]+?)\s*->\s*(?P<callee>[^\s>]+)\s*")


class Origin(NamedTuple):
    """Where a value of the stack comes from. `text`: of a file `compose.yml:12`, with what stands
    there where that says more; of an image the source of its default; else as what is assumed."""

    kind: Literal["file", "image", "assumed"]
    text: str

    def __str__(self) -> str:
        return {"file": "", "image": "default of ", "assumed": "assumed: "}[self.kind] + self.text


class Link(NamedTuple):
    """One service asks another. Names are those of the stack."""

    caller: str
    callee: str
    evidence: str  # `DATABASE_URL (compose.yml:12)`
    confidence: Confidence


@dataclass(frozen=True)
class Corrections:
    """What the user says against the reader's guesses; names as in the user's file."""

    roles: Mapping[str, Role] = field(default_factory=dict)
    links: tuple[tuple[str, str], ...] = ()
    entry: str = ""  # the service that users' requests go to: `--role web=entry`

    @classmethod
    def of(cls, roles: Iterable[str] = (), links: Iterable[str] = ()) -> Corrections:
        """From `NAME=ROLE` and `A->B` as on the command line. Raises `InputError`."""
        parts = [_parsed("--role", _ROLE, text, "NAME=ROLE") for text in roles]
        pairs = [_parsed("--link", _LINK, text, "CALLER->CALLEE") for text in links]
        entry = next((match["name"] for match in parts if match["role"] == ENTRY), "")
        return cls(
            {match["name"]: role_of(match["role"], "--role") for match in parts},
            tuple((match["caller"], match["callee"]) for match in pairs),
            entry,
        )

    def __bool__(self) -> bool:
        return bool(self.roles or self.links)

    def check(self, names: Iterable[str]) -> None:
        """Raise `InputError` for a name that the file has not."""
        services = list(names)
        for name in [*self.roles, *(name for pair in self.links for name in pair)]:
            if name not in services:
                option = "--role" if name in self.roles else "--link"
                found = f"the unknown service {describe(name)}"
                raise InputError(option, 0, 0, "", found, one_of(services), closest(name, services))


def role_of(text: str, where: str) -> Role:
    """The role of that name; `entry` is http. Raises `InputError` that names the option or file."""
    roles: tuple[Role, ...] = get_args(Role)
    for role in roles:
        if text == role:
            return cast(Role, ROLE_NAMES.get(role, role))
    if text == ENTRY:
        return "http"
    names = (*roles, ENTRY)
    found = f"the unknown role {describe(text)}"
    raise InputError(where, 0, 0, "", found, one_of(names), closest(text, names))


def _parsed(option: str, form: re.Pattern[str], text: str, expected: str) -> re.Match[str]:
    match = form.fullmatch(text)
    if match is None:
        raise InputError(option, found=describe(text), expected=expected)
    return match


NO_CORRECTIONS = Corrections()


@dataclass(frozen=True)
class Imported:
    """A foreign file as understood. What is assumed, what is not simulated and what is
    asked stands in the stack (`stack.assumed`, `stack.ignored`, `stack.questions`)."""

    stack: Stack
    origins: Mapping[str, Origin]  # of the stack's values: "services.web.replicas"
    links: tuple[Link, ...]

    @property
    def questions(self) -> tuple[str, ...]:
        """What the file does not say and the user knows; one line each."""
        return tuple(self.stack.questions)


@dataclass
class Notes:
    """What a reader collects on its way."""

    assumed: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    origins: dict[str, Origin] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)

    def imported(self, stack: Stack) -> Imported:
        """With each line once, in the order in which it was found."""
        told = ("assumed", "ignored", "questions")
        lines = {key: list(dict.fromkeys(getattr(self, key))) for key in told}
        return Imported(stack.model_copy(update=lines), self.origins, tuple(self.links))


def leaves(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Each path below which nothing stands, and its value; an empty mapping is a leaf."""
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from leaves(part, (*path, key))
    elif isinstance(value, list) and value:
        for i, part in enumerate(value):
            yield from leaves(part, (*path, i))
    else:
        yield path, value

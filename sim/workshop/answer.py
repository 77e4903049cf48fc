"""The student's file: a platform and settings, as `--set` has them. Only what is allowed.

    platform: compose
    set:
      stack.services.http.restart: always

What a challenge allows is a list of dotted paths; whatever is written must lie at or below one of
them. Mappings are taken apart first, so that nothing rides along inside one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sim.schema.fields import InputError, Issue, Name, Record, refuse_all
from sim.schema.stack import Stack
from sim.schema.text.document import Document, Path_, read_yaml
from sim.schema.text.files import read_text
from sim.schema.text.paths import is_below, leaves
from sim.schema.text.validation import closest, one_of, read_record
from sim.workshop.challenge import Challenge

OTHERS = {"services", "events", "horizon", "traffic", "roles", "servers"}  # of other kinds of file


class Answer(Record):
    platform: Name
    set: dict[str, Any] = {}


class Leaf(NamedTuple):
    """One value that the file sets: where it stands in the file, and the path that it changes."""

    spot: Path_
    path: str


def read_answer(file: Path, challenge: Challenge, stack: Stack) -> tuple[Answer, Document]:
    """The file, if it changes nothing but what the challenge allows on this stack.

    Raises `InputError` (file, line, field) for what is no answer, and for all that is forbidden."""
    document = read_yaml(read_text(file, str(file)), str(file))
    strange = sorted(OTHERS & set(document.data))
    if strange:
        found = f"`{strange[0]}:`, which belongs to a scenario, a stack or a Compose file"
        expected = "your answer to the challenge: `platform:` and `set:` and nothing else"
        raise document.error((strange[0],), found, expected)
    if document.data.get("set", {}) is None:  # `set:` with every line below it commented out
        document.data["set"] = {}
    answer = read_record(Answer, document)
    strange_platform = _platform(answer, challenge, document)
    refuse_all([*strange_platform, *_forbidden(answer, challenge, stack, document)])
    return answer, document


def _platform(answer: Answer, challenge: Challenge, document: Document) -> Iterator[Issue]:
    if answer.platform not in challenge.platforms:
        found = f"{answer.platform!r}, which challenge {challenge.number} does not offer"
        near = closest(answer.platform, challenge.platforms)
        yield document.issue(("platform",), found, one_of(challenge.platforms), near)


def _forbidden(
    answer: Answer, challenge: Challenge, stack: Stack, document: Document
) -> Iterator[Issue]:
    allowed = list(challenge.may)
    roles = {name: service.role for name, service in stack.services.items()}
    for leaf in changes(answer.set):
        if not is_allowed(leaf.path, allowed, roles):
            found = f"a change that challenge {challenge.number} does not allow"
            near = closest(leaf.path, allowed)
            expected = "one of " + ", ".join(allowed)
            yield document.issue(leaf.spot, found, expected, near, key=True)


def changes(settings: Mapping[str, Any]) -> Iterator[Leaf]:
    """Every value that settings change, mappings taken apart; an empty mapping is a value."""
    for path, value in settings.items():
        for steps, _ in leaves(value, whole=(list,)):
            yield Leaf(("set", path, *steps), ".".join((path, *steps)))


def is_allowed(path: str, allowed: Iterable[str], roles: Mapping[str, str]) -> bool:
    """Does the path lie at or below one that is allowed? A service may go by its name or by its
    role: `roles` says which role each name plays."""
    steps = _by_role(path, roles)
    return any(is_below(steps, _by_role(known, roles)) for known in allowed)


def _by_role(path: str, roles: Mapping[str, str]) -> list[str]:
    steps = path.split(".")
    if steps[:2] == ["stack", "services"] and len(steps) > 2:
        steps[2] = roles.get(steps[2], steps[2])
    return steps


def placed(error: InputError, answer: Answer, document: Document) -> InputError:
    """The same error with file and line of the setting that it is about, where that is clear."""
    return InputError(issues=[_placed(issue, answer, document) for issue in error.issues])


def _placed(issue: Issue, answer: Answer, document: Document) -> Issue:
    field = issue.field.removeprefix("--set ")
    for path in answer.set:
        rest = path.partition(".")[2]
        if field == path or field.startswith((path + ".", rest)):
            return document.issue(("set", path), issue.found, issue.expected, issue.nearest)
    found = ": ".join(part for part in (issue.field, issue.found) if part)
    return document.issue(("set",), found, issue.expected, issue.nearest)

"""What of a Compose file is not simulated: each value that nobody read, once, by its key and in
groups, so that the list stays readable."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sim.imports.compose.project import Project
from sim.imports.evidence import leaves
from sim.schema.text.document import Path_

_COMMANDS = ("command", "entrypoint")
_APART = (*_COMMANDS, "profiles", "env_file")  # told in another way
_LONGEST = 60
_TITLES = {"image": "what is inside the images"}


def leftover_lines(
    project: Project, read: Collection[Path_], variables: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    """One line a key: `logging: web, proxy (driver)`; services with the same names together."""
    groups: dict[str, dict[str, list[str]]] = {}  # key -> service -> what stands below the key
    for name, body in project.bodies.items():
        for path, value in leaves(body):
            if not path or path[0] in _APART or _known(("services", name, *path), read):
                continue
            below = groups.setdefault(str(path[0]), {}).setdefault(name, [])
            below.append(_word(path[1:], value))
        for key in _COMMANDS:
            if body.get(key):
                words = " ".join(_command(body[key]))
                groups.setdefault("what else these run", {}).setdefault(name, []).append(words)
        from_files = [key for key in project.files[name] if not _reads(name, key, read)]
        if from_files:
            groups.setdefault("variables of env_file", {})[name] = from_files
    for key, services in groups.items():
        yield f"{_TITLES.get(key, key)}: {_grouped(services)}"
    extensions = [key for key in project.document.data if key.startswith("x-")]
    if extensions:
        yield f"{', '.join(extensions)}: beside what the services take from it"
    for key, section in project.document.data.items():
        if key not in ("services", "name", "include", *extensions):
            below = [_word(path, value) for path, value in leaves(section)]
            yield f"{key}: the top-level section ({', '.join(below)})"


def _known(path: Path_, read: Collection[Path_]) -> bool:
    return any(path[:length] in read for length in range(3, len(path) + 1))


def _reads(name: str, key: str, read: Collection[Path_]) -> bool:
    return ("services", name, "environment", key) in read


def _word(path: Path_, value: Any) -> str:
    """What stands at a path, in a word: its name, or its text where a list has none."""
    names = [str(key) for key in path if isinstance(key, str)]
    if (path and isinstance(path[-1], int)) or not path:
        text = "" if value in (None, {}, []) else " ".join(str(value).split())
        names += [text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."] if text else []
    return ".".join(names)


def _command(value: Any) -> list[str]:
    words = value.split() if isinstance(value, str) else [str(word) for word in value]
    return words


def _grouped(services: Mapping[str, list[str]]) -> str:
    """`web, worker (A, B); db (C)`."""
    same: dict[tuple[str, ...], list[str]] = {}
    for name, words in services.items():
        same.setdefault(tuple(word for word in words if word), []).append(name)
    parts = [
        f"{', '.join(names)} ({', '.join(words)})" if words else ", ".join(names)
        for words, names in same.items()
    ]
    return "; ".join(parts)

"""Platform files outside this package: in the folder `platforms/` of the working folder, by name,
or anywhere, by path. Each is what a module of this package is; what is wrong with one is one
InputError that names the file and the place in it.

A file is read once for a study (`refresh` looks for a new text before the next), and worker
processes get the text that was read, so that nobody can edit a file between two runs of a study.
"""

from __future__ import annotations

import ast
import os
import pkgutil
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType, TracebackType
from typing import NamedTuple

from sim.platforms.platform import Platform, wrong_choices
from sim.schema.characters import printable
from sim.schema.fields import InputError, refuse_all, why_not
from sim.schema.text.document import describe
from sim.schema.text.files import read_text, real
from sim.schema.text.validation import closest

FOLDER = Path("platforms")
OURS = Path(__file__).resolve().parents[1]
ROOTS = ("scenario", "stack", "all")  # words that mean something else where a platform may stand
NAME = re.compile(r"[a-z][a-z0-9_]*")
API = "sim.control.api"  # the page that a platform's file imports from


class Source(NamedTuple):
    """A file as it was read."""

    path: Path
    text: str


_given: dict[str, Path] = {}  # by path, in this process
_loaded: dict[Path, tuple[str, ModuleType]] = {}  # text and module
_pinned: dict[str, Source] | None = None  # in a worker: what its parent has read


# ---- finding ----
def built_in() -> list[str]:
    """The names of our own."""
    modules = (m for m in pkgutil.iter_modules([str(OURS)]) if not m.ispkg)
    return sorted(m.name for m in modules if m.name != "platform")


def outside() -> dict[str, Path]:
    """Name and file of each from outside: those of the folder and those given by path. What of the
    folder has a name that no platform can have is left out (`misnamed`). InputError for two of one
    name."""
    if _pinned is not None:
        return {name: source.path for name, source in _pinned.items()}
    free = (path for path in _in_folder() if not why_not(partial(_check_name, path)))
    paths = {path.stem: real(path) for path in free}
    for name, path in _given.items():
        other = paths.get(name, path)
        if path.is_file() and other != path:
            raise _second(path, other)
        if path.is_file():
            paths[name] = path
    return paths


def misnamed() -> list[InputError]:
    """What is wrong with the names of files in `platforms/` that for this reason are none."""
    errors = []
    for path in _in_folder():
        try:
            _check_name(path)
        except InputError as error:
            errors.append(error)
    return errors


def touched() -> set[str]:
    """Names of those that somebody gave by path, or whose file this process has run before."""
    return {*_given, *(path.stem for path in _loaded), *(_pinned or ())}


def _in_folder() -> Iterator[Path]:
    """The files of the folder with a platform in them, and those that nobody can read: what is
    wrong with them is told when they are meant. None of them is run here."""
    for path in sorted(FOLDER.glob("*.py")) if FOLDER.is_dir() and not _is_ours(FOLDER) else ():
        if path.name.startswith("_"):
            continue
        try:
            text = _text(path)
        except InputError:
            yield path
        else:
            if re.search(r"^PLATFORM\b", text, re.M):
                yield path


def is_path(text: str) -> bool:
    """Is this a file, and no name of a platform?"""
    return bool(_split(text)[1]) or os.sep in text or (os.altsep or os.sep) in text


def named(texts: Iterable[str]) -> tuple[str, ...]:
    """The names of platforms, some of which may be given by path (`./night_watch.py`, and
    `./night_watch.py-autoscaling` for one without that choice): that becomes its name, and it is
    known by it from now on. InputError for a file that is not there."""
    own: dict[str, Path] = {}
    names = []
    for text in texts:
        if not isinstance(text, str) or not is_path(text):
            names.append(text)
            if f"{text}.py" in [path.name for path in _in_folder()]:
                _check_name(FOLDER / f"{text}.py")
            continue
        head, _, without = _split(text)
        path = _existing(head)
        if _is_ours(path.parent):
            names.append(path.stem + without)
            continue
        _check_name(path)
        other = own.setdefault(path.stem, real(path))
        if other != real(path):
            raise _second(path, other)
        _given[path.stem] = real(path)
        names.append(path.stem + without)
    if own:
        outside()  # one of that name may also be in the folder
    return tuple(dict.fromkeys(names))


def written(name: str) -> str:
    """How a command line names it: by its path, unless its name is enough."""
    base, dash, without = name.partition("-")
    path = _given.get(base)
    if path is None or path == real(FOLDER / f"{base}.py"):
        return name
    return f"{os.curdir}{os.sep}{shown(path)}{dash}{without}" if _is_below(path) else (
        f"{path}{dash}{without}"
    )  # fmt: skip


def shown(path: Path) -> str:
    """A path as messages name it: short where it lies below the working folder."""
    return str(path.relative_to(Path.cwd())) if _is_below(path) else str(path)


def _is_ours(folder: Path) -> bool:
    """Is it this package, seen from inside a checkout?"""
    return real(folder) == OURS


def _is_below(path: Path) -> bool:
    return path.is_absolute() and path.is_relative_to(Path.cwd())


def _split(text: str) -> tuple[str, str, str]:
    """`a/b.py-secrets` -> ("a/b.py", ".py", "-secrets")."""
    found = re.fullmatch(r"(.+(\.py))((?:-[\w -]+)?)", text)
    return (found[1], found[2], found[3]) if found else (text, "", "")


def _existing(text: str) -> Path:
    path = Path(text)
    if path.is_file() and path.suffix == ".py":
        return path
    here = [one.name for one in path.parent.glob("*.py")] if path.parent.is_dir() else []
    near = closest(path.name if path.suffix == ".py" else f"{path.name}.py", here)
    near = text[: len(text) - len(path.name)] + near if near and not path.is_dir() else ""
    found = "a folder" if path.is_dir() else "no such file"
    found = "a file that is not called *.py" if path.is_file() else found
    raise InputError(text, found=found, expected="a platform's Python file", nearest=near)


def _check_name(path: Path) -> None:
    file, name = shown(real(path)), path.stem
    if not NAME.fullmatch(name):
        word = re.sub(r"\W+", "_", name.lower()).strip("_0123456789") or "mine"
        expected = f"lower-case letters, digits and _, such as {word}.py"
        raise InputError(file, found=f"a platform called {name!r}", expected=expected)
    if name in (*built_in(), *ROOTS, "platform"):
        found = f"the name {name!r}, which is already taken"
        expected = f"a new name, such as my_{name}.py"
        raise InputError(file, found=found, expected=expected)


def _second(path: Path, other: Path) -> InputError:
    found = f"a second platform called {path.stem!r}: the first is {shown(other)}"
    return InputError(shown(real(path)), found=found, expected="files of different names")


def not_a_platform(name: str) -> None:
    """Nobody is known by this name: InputError if there is a file of it that says no PLATFORM."""
    path = FOLDER / f"{name}.py"
    if NAME.fullmatch(name) and path.is_file():
        module(real(path))


# ---- reading ----
def refresh() -> None:
    """Before a study: files that have been edited are read again."""
    for path, (text, _) in list(_loaded.items()):
        if _pinned is None and (not path.is_file() or _text(path) != text):
            del _loaded[path]


def sources(names: Mapping[str, Path]) -> dict[str, Source]:
    """What a worker needs to have the same platforms as this process."""
    return {
        name: Source(path, _loaded[path][0] if path in _loaded else _text(path))
        for name, path in names.items()
    }


def pin(those: dict[str, Source]) -> None:
    """In a worker: these are the platforms from outside, whatever the files say now."""
    global _pinned  # noqa: PLW0603 - a fact about the whole process
    _pinned = those


def headline(path: Path) -> str:
    """The first line of its docstring, without running it."""
    text = _pinned[path.stem].text if _pinned is not None else _text(path)
    return _title(_parsed(text, path), path)


def module(path: Path) -> ModuleType:
    """The file as a module, run once: a docstring, a PLATFORM with ten choices that are sound."""
    if path in _loaded:
        return _loaded[path][1]
    text = _pinned[path.stem].text if _pinned is not None else _text(path)
    tree = _parsed(text, path)
    created = ModuleType(f"sim.platforms.own:{path}", _title(tree, path))
    created.__file__ = str(path)
    sys.modules[created.__name__] = created  # dataclasses and type hints look there
    try:
        exec(compile(tree, str(path), "exec"), vars(created))
    except (Exception, SystemExit) as error:
        raise _while_read(error, path) from error
    created.__doc__ = printable(ast.get_docstring(tree) or "")
    _check_platform(created, path)
    _loaded[path] = text, created
    return created


def _text(path: Path) -> str:
    return read_text(path, shown(real(path)))


def _parsed(text: str, path: Path) -> ast.Module:
    try:
        return ast.parse(text, str(path))
    except SyntaxError as error:
        where = (shown(path), error.lineno or 0, error.offset or 0)
        raise InputError(*where, found=f"a syntax error ({error.msg})", expected="Python") from None
    except ValueError as error:  # a null byte, in older Pythons
        raise InputError(shown(path), found=str(error), expected="Python") from None


def _title(tree: ast.Module, path: Path) -> str:
    doc = (ast.get_docstring(tree) or "").strip()
    if not doc:
        expected = 'a title: """What it is, in one line.""" at the top of the file'
        raise InputError(shown(path), 1, field="docstring", found="none", expected=expected)
    return printable(doc.partition("\n")[0])


def _while_read(error: BaseException, path: Path) -> InputError:
    """What an exception says that the file itself has raised."""
    line = line_of(error.__traceback__, path)
    if isinstance(error, InputError):  # of Platform(...), say: it knows what, we know where
        file = shown(path)
        placed = (i if i.file else replace(i, file=file, line=line) for i in error.issues)
        return InputError(issues=placed)
    said = f"{type(error).__name__}: {error}".rstrip(": ")
    of_ours = isinstance(error, ImportError) and str(error.name).partition(".")[0] == "sim"
    expected = f"names that {API} has" if of_ours else "a file that runs without an error"
    return InputError(shown(path), line, found=said, expected=expected)


def line_of(trace: TracebackType | None, path: Path) -> int:
    """The last line of this file in a traceback; 0 if it is not there."""
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _check_platform(made: ModuleType, path: Path) -> None:
    file, platform = shown(path), vars(made).get("PLATFORM")
    if isinstance(platform, Platform):
        refuse_all(wrong_choices(platform, "PLATFORM", file))
        return
    if "PLATFORM" in vars(made):
        found = "the class Platform" if platform is Platform else describe(platform)
    else:
        found = "no such name"
    near = closest(
        "PLATFORM", [n for n, value in vars(made).items() if isinstance(value, Platform)]
    )
    expected = "PLATFORM = Platform(...) with the ten choices"
    raise InputError(file, field="PLATFORM", found=found, expected=expected, nearest=near)

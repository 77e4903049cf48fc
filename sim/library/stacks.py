"""Stacks by name, from a YAML stack file, from docker-compose files, or from manifests.

A file is a docker-compose file when its `services:` have no `role:`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Any

from sim.imports.compose.file import import_compose
from sim.imports.evidence import NO_CORRECTIONS, Corrections, Imported
from sim.imports.manifests.file import import_manifests
from sim.imports.manifests.objects import MOST_MANIFESTS, is_manifest
from sim.imports.manifests.tasks import import_tasks, kind_of_tasks
from sim.imports.picture import picture
from sim.library.files import FOLDERS, as_text, document_of, file_of, names_of, text_at
from sim.schema.fields import InputError
from sim.schema.layers import check_stack
from sim.schema.stack import Service, Stack
from sim.schema.text.document import Document
from sim.schema.text.files import read_text
from sim.schema.text.validation import read_record

DEFAULT_STACK = "sspp"
Reader = Callable[[Sequence[Path], Stack, Corrections], Imported]


def list_stacks() -> list[str]:
    """Names of the stacks that come with the program."""
    return names_of("stack")


def load_stack(
    name_or_path: str | os.PathLike[str] | Mapping[str, Any],
    corrections: Corrections = NO_CORRECTIONS,
) -> Stack:
    """The stack of `name_or_path`: a name, a YAML stack file, or docker-compose files
    (`base.yml,prod.yml`: the later over the earlier); or plain data as a stack's file has it,
    `{"name": "shop", "services": {"api": {"role": "http"}}}`. `corrections` are for files that are
    not ours. Raises `InputError`."""
    if isinstance(name_or_path, Mapping):
        return _checked(Document("stack", dict(name_or_path)))
    return read_stack(name_or_path, corrections)[0]


def service(**fields: Any) -> Service:
    """One service of a stack, `sim.service(role="http", boot="2s", replicas=2)`: every field that a
    stack's file may give it, offered by name as one types (Tab in Jupyter) and read as there, with
    times (`2s`), sizes (`512Mi`) and records as mappings (`memory={"limit": "512Mi"}`). For
    `sim.load_stack({"name": "shop", "services": {"api": sim.service(role="http")}})`. Raises
    `InputError`, which names the nearest field. `fields`: docs/reference.md."""
    return read_record(Service, Document("service", fields))


def _offered() -> Signature:
    """The fields by name; of defaults those that are short to read."""
    shown = []
    for parameter in signature(Service).parameters.values():
        short = parameter.default is Parameter.empty or isinstance(
            parameter.default, str | int | float
        )
        default = parameter.default if short else None
        shown.append(parameter.replace(annotation=Parameter.empty, default=default))
    return Signature(shown)


service.__signature__ = _offered()  # type: ignore[attr-defined]


def read_stack(
    name_or_path: str | os.PathLike[str], corrections: Corrections = NO_CORRECTIONS
) -> tuple[Stack, Imported | None]:
    """The stack, and all that was understood if it is made of somebody's own files. Raises
    `InputError`."""
    texts = _texts(as_text(name_or_path, "stack"))
    document = None if corrections else _own(texts)
    if document is not None:
        return _checked(document), None
    imported = import_stack(*texts, corrections=corrections)
    return imported.stack, imported


def drawn(imported: Imported | None) -> str:
    """An SVG of what was understood of somebody's own files; empty of a stack of ours."""
    return "" if imported is None else picture(imported)


def _own(texts: Sequence[str]) -> Document | None:
    """The one file, if it is a stack of this program; None of other people's."""
    if len(texts) > 1 or _foreign(texts) is not None:
        return None
    document = document_of(file_of(texts[0], "stack"))
    return None if _is_compose(document.data) else document


def _checked(document: Document) -> Stack:
    stack = read_record(Stack, document)
    check_stack(stack, document)
    return stack


def import_stack(*names: str, corrections: Corrections = NO_CORRECTIONS) -> Imported:
    """What was understood of somebody's own files. Raises `InputError`."""
    read = _foreign(names)
    if read is not None:
        imported = read([Path(name) for name in names], load_stack(DEFAULT_STACK), corrections)
        check_stack(imported.stack, Document(names[0]))
        return imported
    paths = [file_of(name, "stack") for name in names]
    documents = [(document_of(path), path) for path in paths]
    for document, _ in documents:
        if not _is_compose(document.data) and not (
            len(documents) > 1 and "services" in document.data
        ):
            found = "a stack of this program" if "services" in document.data else "no Compose file"
            expected = "Compose files (a stack says its roles itself)"
            raise InputError(document.file, 1, found=found, expected=expected)
    imported = import_compose(documents, load_stack(DEFAULT_STACK), corrections)
    check_stack(imported.stack, documents[0][0])
    return imported


def _foreign(names: Sequence[str]) -> Reader | None:
    """Who reads these: manifests and folders of them, jobs, task definitions. None: they are names
    of stacks, our own files, or Compose's."""
    paths = [Path(name) for name in names if name not in list_stacks()]
    if any(path.is_dir() for path in paths):
        return import_manifests
    texts = [read_text(path, str(path), MOST_MANIFESTS) for path in paths if path.is_file()]
    if any(map(is_manifest, texts)):
        return import_manifests
    return import_tasks if any(map(kind_of_tasks, texts)) else None


def _texts(text: str) -> list[str]:
    """`base.yml,prod.yml` as both; a file that exists keeps its comma."""
    if "," not in text or os.path.lexists(text):
        return [text]
    return [part.strip() for part in text.split(",") if part.strip()]


def text_of(name: str) -> str:
    """The file of a stack that comes with the program: its comments say where numbers are from."""
    files = (folder / f"{name}.yaml" for folder in FOLDERS["stack"])
    return next(text_at(path) for path in files if path.is_file())


def _is_compose(data: Any) -> bool:
    services = data.get("services")
    if "include" in data and "services" not in data:
        return True
    if not isinstance(services, dict):
        return "services" not in data and any(_is_first_compose(entry) for entry in data.values())
    return not any(isinstance(entry, dict) and "role" in entry for entry in services.values())


def _is_first_compose(entry: Any) -> bool:
    """A service of the old Compose format, which had no `services:`."""
    return isinstance(entry, dict) and bool({"image", "build"} & set(entry))

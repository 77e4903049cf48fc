"""Public Compose files and manifests against what a person says of them: roles and entries.

    python -m tools.survey FOLDER

FOLDER holds git checkouts, FOLDER/OWNER/NAME each, of the repositories in tests/data/survey.csv
(repository, commit, path of a file or of a folder of manifests, entry, roles; none of their text is
kept here). A file that is not there is left out and counted. Files beside it (`.env`, what it
extends, a proxy's configuration) are read from the same commit.
"""

from __future__ import annotations

import csv
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sim.library.stacks import load_stack
from sim.schema.fields import InputError

TEXTS = re.compile(r"\.(ya?ml|conf|lua)$|Dockerfile|(^|/)(\.env|Caddyfile)")
LIST = Path(__file__).parents[1] / "tests" / "data" / "survey.csv"


class Row(NamedTuple):
    """One file, and what is in it: service -> role. Services that are not named answer HTTP.
    `entry`: several (`a/b`) where the file does not say and each is as good."""

    repository: str
    commit: str
    path: str
    entry: str
    roles: dict[str, str]


def rows() -> list[Row]:
    """The list, as somebody read the files."""
    with LIST.open(encoding="utf-8", newline="") as lines:
        return [
            Row(
                line["repository"], line["commit"], line["path"], line["entry"],
                dict(pair.split("=") for pair in line["roles"].split()),
            )
            for line in csv.DictReader(lines)
        ]  # fmt: skip


def wrong(row: Row, file: Path) -> Iterator[str]:
    """What was understood otherwise than a person does."""
    try:
        stack = load_stack(file)
    except InputError as error:
        yield f"refused: {error}"
        return
    if stack.entry not in row.entry.split("/"):
        yield f"entry {stack.entry}, not {row.entry}"
    for name, service in stack.services.items():
        if service.managed is not None and name not in row.roles:
            continue  # none of the files', but asked by them
        role = row.roles.get(name, "http")
        if service.role != role:
            yield f"{name} {service.role}, not {role}"


def fetched(row: Row, folder: Path, place: Path) -> Path | None:
    """The file, with what stands beside it; alone where the checkout has not all of that."""
    git = ["git", "-C", str(folder / row.repository)]
    file = place / row.path
    kind = [*git, "cat-file", "-t", f"{row.commit}:{row.path}"]
    is_folder = subprocess.run(kind, capture_output=True, check=False).stdout.strip() == b"tree"
    shown = [*git, "show", f"{row.commit}:{row.path}"]
    alone = subprocess.run(shown, capture_output=True, check=False)
    beside = row.path if is_folder else str(Path(row.path).parent)
    beside = "." if b"../" in alone.stdout else beside  # what it includes or builds
    listed = [*git, "ls-tree", "-r", "--name-only", row.commit, "--", beside]
    names = subprocess.run(listed, capture_output=True, text=True, check=False).stdout.splitlines()
    texts = [name for name in names if TEXTS.search(name)]
    for paths in ([beside], texts):  # of a checkout without its largest files the texts
        packed = subprocess.run(
            [*git, "archive", row.commit, "--", *paths], capture_output=True, check=False
        )
        if packed.returncode == 0:
            subprocess.run(["tar", "-x", "-C", str(place)], input=packed.stdout, check=True)
            return file
    if alone.returncode:
        return None
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(alone.stdout)
    return file


def main(folder: Path) -> int:
    """Print each difference and the share of files without one."""
    right = absent = 0
    for row in rows():
        with tempfile.TemporaryDirectory() as place:
            file = fetched(row, folder, Path(place))
            if file is None:
                absent += 1
                continue
            differences = list(wrong(row, file))
        right += not differences
        if differences:
            print(f"{row.repository} {row.path}: {'; '.join(differences)}")
    print(f"{right} of {len(rows()) - absent} right ({absent} not there)")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

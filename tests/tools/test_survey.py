"""The list of public Compose files, and the tool that goes through it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from sim.schema.stack import Role
from tools import survey

FILE = """
services:
  web: {image: bakery/web, ports: ["80:80"], depends_on: [db]}
  db: {image: "postgres:16"}
"""


def test_the_list_names_files_and_keeps_none() -> None:
    rows = survey.rows()
    assert len(rows) >= 80
    assert len({(row.repository, row.path) for row in rows}) == len(rows)
    for row in rows:
        assert re.fullmatch(r"[0-9a-f]{40}", row.commit)
        assert row.entry not in row.roles  # it answers HTTP
        assert set(row.roles.values()) <= set(get_args(Role)) - {"http"}


def test_what_is_understood_otherwise_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout = tmp_path / "bakery" / "shop"
    (checkout / "deploy").mkdir(parents=True)
    (checkout / "deploy" / "compose.yml").write_text(FILE)
    git = ["git", "-C", str(checkout), "-c", "user.name=x", "-c", "user.email=x@x"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *words], check=True)
    head = [*git, "rev-parse", "HEAD"]
    commit = subprocess.run(head, check=True, capture_output=True, text=True).stdout.strip()
    right = survey.Row("bakery/shop", commit, "deploy/compose.yml", "web", {"db": "postgres"})
    listed = [
        right,
        right._replace(entry="db", roles={"web": "other"}),
        right._replace(repository="bakery/nowhere"),
    ]
    monkeypatch.setattr(survey, "rows", lambda: listed)
    assert survey.main(tmp_path) == 0
    told = capsys.readouterr().out
    assert "entry web, not db; web http, not other; db postgres, not http" in told
    assert "1 of 2 right (1 not there)" in told

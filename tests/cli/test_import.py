"""`sim import`: what it prints, what it writes, and that the written stack runs the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import ENGINE

DATA = Path(__file__).parents[1] / "data"
SHOP = str(DATA / "manifests" / "shop.yaml")
NGINX = str(DATA / "compose" / "cases" / "nginx.yml")


def test_it_says_what_it_understood_and_writes_the_stack(sim, tmp_path):
    said = sim("import", SHOP)
    assert said.status == 0
    assert "shop-web  http, users' way in  asks queue, postgres, stock" in said.out
    assert "stack: stack.yaml" in said.err
    text = (tmp_path / "stack.yaml").read_text()
    assert "max_connections: 60 # " in text
    assert "# calls: shop-web -> postgres, by DATABASE_URL (high confidence)" in text
    assert text.count("CronJob: report (a kind that is not simulated)") == 1


def test_what_no_file_says_is_asked(sim, tmp_path):
    (tmp_path / "compose.yml").write_text(
        "services:\n  web: {image: shop/web, ports: ['80:80'], environment: {MODE: x}}\n"
        "  db: {image: postgres}\n"
    )
    said = sim("import", "compose.yml")
    assert "\n? " in f"\n{said.err}"
    assert "\n# ? " in (tmp_path / "stack.yaml").read_text()


def test_it_writes_the_same_twice_and_replaces_nothing_unasked(sim, tmp_path):
    assert sim("import", NGINX, "--out", "a.yaml").status == 0
    assert sim("import", NGINX, "--out", "b.yaml").status == 0
    assert (tmp_path / "a.yaml").read_bytes() == (tmp_path / "b.yaml").read_bytes()
    said = sim("import", NGINX, "--out", "a.yaml")
    assert said.status == 2
    assert "a.yaml: found a file that is there" in said.err
    assert sim("import", NGINX, "--out", "a.yaml", "--force").status == 0


def test_checking_writes_nothing(sim, tmp_path):
    said = sim("import", "--check", SHOP)
    assert said.status == 0
    assert "mailer" in said.out
    assert not list(tmp_path.iterdir())


def test_corrections_hold(sim, tmp_path):
    assert sim("import", SHOP, "--role", "mailer=other", "--link", "mailer->postgres").status == 0
    text = (tmp_path / "stack.yaml").read_text()
    assert "role: other # " in text
    assert "# calls: mailer -> postgres, by as you say (high confidence)" in text
    said = sim("import", SHOP, "--check", "--role", "mailr=other")
    assert said.status == 2
    assert "did you mean mailer?" in said.err


@pytest.mark.parametrize("file", [SHOP, NGINX])
def test_the_written_stack_runs_to_the_same_figures(sim, tmp_path, file):
    """On both platforms, to the last digit."""
    assert sim("import", file).status == 0
    run = ("run", "container_crash", "--no-plots", "--json", "--set", "scenario.horizon=8m")
    run += ("--engine", ENGINE)
    direct = sim(*run, "--stack", file)
    written = sim(*run, "--stack", "./stack.yaml")
    assert direct.status == written.status == 0
    assert json.loads(direct.out) == json.loads(written.out)
    assert json.loads(direct.out)["platforms"]["kubernetes"]["requests"]["arrived"] > 0


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("import",), "FILES"),
        (("import", "nowhere.yml"), "nowhere.yml: found no such file"),
        (("import", SHOP, "--out", "no/such/folder.yaml"), "no such file or directory"),
        (("import", SHOP, "--role", "mailer"), "NAME=ROLE"),
        (("import", SHOP, NGINX), "an object without kind"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(sim, arguments, why):
    said = sim(*arguments)
    assert said.status == 2
    assert why in said.err
    assert "Traceback" not in said.err


def test_it_draws_what_it_understood(sim, tmp_path):
    said = sim("import", "--check", SHOP, "--picture", "shop.svg")
    assert said.status == 0
    assert "picture: shop.svg" in said.err
    assert (tmp_path / "shop.svg").read_text().startswith("<svg ")
    assert sim("import", "--check", SHOP, "--picture", "no/shop.svg").status == 2
    assert "expected a file that ends in .svg" in sim("import", SHOP, "--picture", "a.png").err

"""tools/fuzz finds what breaks, makes it small, and says how to draw it again; and a few inputs of
each kind and a few whole worlds. .ci/run takes more."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from tools.fuzz import __main__ as fuzz
from tools.fuzz import worlds
from tools.fuzz.files import KINDS, Kind
from tools.fuzz.values import changed, smaller_trees, smallest

TREE = {"a": [1, 2, {"b": "x" * 40}], "c": {"d": 3}}


def test_a_failing_tree_is_made_as_small_as_it_goes():
    small = smallest(
        {**TREE, "bad": ["long" * 50, {"deep": "!"}]}, smaller_trees, lambda t: "!" in str(t), 500
    )
    assert small == {"bad": [{"deep": "!"}]}


def test_the_same_seed_changes_the_same_and_leaves_the_original():
    before = json.dumps(TREE)
    drawn = [json.dumps(changed(TREE, Random(seed))) for seed in range(50)]
    assert drawn == [json.dumps(changed(TREE, Random(seed))) for seed in range(50)]
    assert json.dumps(TREE) == before
    assert len(set(drawn)) > 40


def _breaks_at_an_x(file: Path, _: object) -> object:
    if "x" in file.read_text(encoding="utf-8"):
        raise OverflowError("too large")
    return None


def test_a_defect_is_told_with_its_smallest_input_and_its_seed(monkeypatch, tmp_path, capsys):
    texts = Kind(lambda dice: b"pad\n" * dice.randint(5, 9) + b"x pad", KINDS["traffic"].smaller,
                 _breaks_at_an_x)  # fmt: skip
    monkeypatch.setitem(fuzz.KINDS, "texts", texts)
    assert fuzz.fuzz_files(4, 3, ["texts"], None, tmp_path) == 4
    out = capsys.readouterr().out
    assert "texts: OverflowError at test_fuzz.py:" in out
    assert "(--seed 3 --only 0); the smallest input:\nx\n" in out  # told once
    assert "files: 4 inputs, 4 defects" in out


def test_an_input_without_an_answer_is_a_defect(monkeypatch, tmp_path, capsys):
    def hangs(file: Path, _: object) -> object:
        while True:
            pass

    monkeypatch.setattr(fuzz, "FILE_LIMIT_S", 1)
    texts = Kind(lambda dice: b"", KINDS["traffic"].smaller, hangs)
    monkeypatch.setitem(fuzz.KINDS, "texts", texts)
    assert fuzz.fuzz_files(1, 1, ["texts"], None, tmp_path) == 1
    assert "texts: too long" in capsys.readouterr().out


@pytest.mark.run
def test_engines_that_differ_are_told_with_the_smallest_world(monkeypatch, tmp_path, capsys):
    def differ(world: dict, folder: Path) -> str:
        return "the figures differ" if world["events"] else ""

    monkeypatch.setattr(fuzz, "differences", differ)
    bad = fuzz.fuzz_worlds(12, 1, 30, None, tmp_path)
    out = capsys.readouterr().out
    assert 0 < bad < 12
    assert out.count("the figures differ (--seed 1 --only ") == bad
    assert f"worlds: {12 - bad} the same on both engines" in out
    text = out.partition("the smallest input:\n")[2].splitlines()[0]
    assert list(json.loads(text)) == ["events"]  # whatever else it had is no part of it
    assert len(json.loads(text)["events"]) == 1


@pytest.mark.run
@pytest.mark.parametrize("kind", KINDS)
def test_inputs_of_a_kind_are_accepted_or_refused(kind, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert fuzz.fuzz_files(25, 7, [kind], None, tmp_path) == 0, capsys.readouterr().out


@pytest.mark.run
@pytest.mark.parametrize("number", range(3))
def test_a_world_is_the_same_on_both_engines(number, tmp_path):
    world = worlds.acceptable(worlds.draw_world(Random(f"test/{number}")), tmp_path)
    assert worlds.differences(world, tmp_path) == ""

"""DIR: what could be written or untouched, the same bytes each time, never anybody else's files."""

import csv
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import sim
from sim.report import files, folder
from sim.results.series import series_columns
from sim.schema.fields import InputError
from tests.results.results import result

ROOT = Path(sim.__file__).parents[1]
DATA = ("summary.json", "timeline.csv", "series.csv", "report.html", "postmortem.md")


def test_all_files_are_there_and_nothing_else(tmp_path):
    files.write(result(), tmp_path / "report")
    names = {path.name for path in (tmp_path / "report").iterdir()}
    assert names == {*DATA, "summary.md", "downtime.png", "jobs.png", "connections.png"}
    assert [path.name for path in tmp_path.iterdir()] == ["report"]  # no temporary folder left


def test_the_same_result_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        files.write(result(), tmp_path / name, plots=False)
    for name in DATA:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_files_say_what_the_result_says(tmp_path):
    one = result()
    files.write(one, tmp_path / "new" / "deep", plots=False)
    target = tmp_path / "new" / "deep"
    assert json.loads((target / "summary.json").read_text()) == one.summary
    with (target / "series.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2400
    arrived = sum(int(row["requests_arrived"]) for row in rows if row["platform"] == "compose")
    assert arrived == one.platforms["compose"]["requests"]["arrived"]
    for run in one.runs:  # each column, of those that never change, too
        own = [row for row in rows if row["platform"] == run.platform]
        for name, values in series_columns(run).items():
            np.testing.assert_array_equal([float(row[name] or "nan") for row in own], values)
    with (target / "timeline.csv").open(newline="") as file:
        assert next(csv.DictReader(file))["text"] == "api-1 killed by docker kill (exit 137)"


def test_an_earlier_report_is_replaced(tmp_path):
    files.write(result(), tmp_path / "r")
    files.write(result(platforms=("compose",)), tmp_path / "r", plots=False)
    assert not (tmp_path / "r" / "downtime.png").exists()
    assert list(json.loads((tmp_path / "r" / "summary.json").read_text())["platforms"]) == [
        "compose"
    ]


def full_disk(*_):
    raise OSError(28, "No space left on device")


def test_what_could_be_written_is_kept_and_the_rest_is_named(tmp_path, monkeypatch):
    files.write(result(), tmp_path / "r", plots=False)
    monkeypatch.setattr(files, "series_columns", full_disk)
    missing = files.write(result(2), tmp_path / "r", plots=False)
    assert list(missing) == ["series.csv"]
    names = {path.name for path in (tmp_path / "r").iterdir()}
    assert names == {*DATA, "summary.md"} - {"series.csv"}  # not half of it either
    assert json.loads((tmp_path / "r" / "summary.json").read_text()) == result(2).summary
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_where_nothing_can_be_written_the_old_report_stays(tmp_path, monkeypatch):
    files.write(result(), tmp_path / "r", plots=False)
    before = {path.name: path.read_bytes() for path in (tmp_path / "r").iterdir()}
    for part in (
        "summary_json",
        "markdown",
        "postmortem",
        "page",
        "timeline_rows",
        "series_columns",
    ):
        monkeypatch.setattr(files, part, full_disk)
    with pytest.raises(InputError, match="No space left"):
        files.write(result(2), tmp_path / "r", plots=False)
    assert {path.name: path.read_bytes() for path in (tmp_path / "r").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_a_picture_that_cannot_be_drawn_costs_neither_the_others_nor_a_text(tmp_path, monkeypatch):
    from sim.report.plots import slides

    real = slides.figure

    def figure(result, name):
        if name == "jobs":
            raise ValueError("not to be drawn")
        return real(result, name)

    monkeypatch.setattr(slides, "figure", figure)
    missing = files.write(result(), tmp_path / "r")
    assert {name: str(why) for name, why in missing.items()} == {"jobs.png": "not to be drawn"}
    names = {path.name for path in (tmp_path / "r").iterdir()}
    assert names == {*DATA, "summary.md", "downtime.png", "connections.png"}
    text = (tmp_path / "r" / "summary.md").read_text()
    assert "downtime.png" in text
    assert "jobs.png" not in text


KILLED = """
import os, sys
from pathlib import Path
from sim.report import folder

def fill(fresh):
    (fresh / "summary.json").write_text("new")
    if sys.argv[2] == "filling":
        os._exit(9)
    return {}

rename = Path.rename
def once(self, to):
    rename(self, to)
    if sys.argv[2] == "swapping":
        os._exit(9)

Path.rename = once
folder.replace_folder(Path(sys.argv[1]), fill, frozenset({"summary.json"}))
"""


@pytest.mark.parametrize("moment", ["filling", "swapping"])
def test_what_a_killed_program_left_is_cleared_away_and_no_report_is_lost(tmp_path, moment):
    target = tmp_path / "r"
    target.mkdir()
    (target / "summary.json").write_text("old")
    (tmp_path / ".r.mine").mkdir()  # not ours, by its name and by what is in it
    (tmp_path / ".r.notes_12").mkdir()
    (tmp_path / ".r.notes_12" / "thesis.tex").write_text("years of work")
    subprocess.run([sys.executable, "-c", KILLED, str(target), moment], cwd=ROOT, check=False)
    left = {path.name for path in tmp_path.iterdir()} - {"r", ".r.mine", ".r.notes_12"}
    assert left

    def fails(fresh):
        return {"summary.json": OSError(28, "No space left on device")}

    with pytest.raises(InputError):
        folder.replace_folder(target, fails, frozenset({"summary.json"}))
    assert {path.name for path in tmp_path.iterdir()} == {"r", ".r.mine", ".r.notes_12"}
    assert (target / "summary.json").read_text() == "old"


def test_what_another_program_is_writing_is_left_alone(tmp_path):
    with folder._fresh(tmp_path / "r") as other:
        folder.replace_folder(tmp_path / "r", lambda fresh: {}, files.OURS)
        assert other.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_two_programs_that_finish_at_once_end_well(tmp_path):
    """Each report is whole, and one of them stays."""

    def write(text):
        for _ in range(60):
            parts = folder.texts({"summary.json": lambda: text, "summary.md": lambda: text})
            fill = partial(folder.write_each, parts)
            assert folder.replace_folder(tmp_path / "r", fill, files.OURS) == {}

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(write, text) for text in "abcd"]:
            done.result()
    texts = {path.name: path.read_text() for path in (tmp_path / "r").iterdir()}
    assert set(texts) == {"summary.json", "summary.md"}
    assert len(set(texts.values())) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_a_folder_with_other_peoples_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match=r"thesis\.tex"):
        files.write(result(), tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="found a file"):
        folder.check_folder(tmp_path / "file", files.OURS)
    with pytest.raises(InputError, match="file is a file"):
        folder.check_folder(tmp_path / "file" / "below", files.OURS)


def test_checking_leaves_nothing_behind(tmp_path):
    folder.check_folder(tmp_path / "a" / "b", files.OURS)
    assert list(tmp_path.iterdir()) == []

"""DIR: complete or untouched, the same bytes each time, never anybody else's files."""

import csv
import json

import pytest

from sim.report import files
from sim.schema.fields import InputError
from tests.results.results import result

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
    folder = tmp_path / "new" / "deep"
    assert json.loads((folder / "summary.json").read_text()) == one.summary
    with (folder / "series.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2400
    arrived = sum(int(row["requests_arrived"]) for row in rows if row["platform"] == "compose")
    assert arrived == one.platforms["compose"]["requests"]["arrived"]
    with (folder / "timeline.csv").open(newline="") as file:
        assert next(csv.DictReader(file))["text"] == "api-1 killed by docker kill (exit 137)"


def test_an_earlier_report_is_replaced(tmp_path):
    files.write(result(), tmp_path / "r")
    files.write(result(platforms=("compose",)), tmp_path / "r", plots=False)
    assert not (tmp_path / "r" / "downtime.png").exists()
    assert list(json.loads((tmp_path / "r" / "summary.json").read_text())["platforms"]) == [
        "compose"
    ]


def test_a_failure_in_the_middle_leaves_the_old_report(tmp_path, monkeypatch):
    files.write(result(), tmp_path / "r", plots=False)
    before = (tmp_path / "r" / "summary.json").read_bytes()

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "_series", full_disk)
    with pytest.raises(InputError, match="No space left"):
        files.write(result(2), tmp_path / "r", plots=False)
    assert (tmp_path / "r" / "summary.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_a_folder_with_other_peoples_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match=r"thesis\.tex"):
        files.write(result(), tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="found a file"):
        files.check_folder(tmp_path / "file")
    with pytest.raises(InputError, match="file is a file"):
        files.check_folder(tmp_path / "file" / "below")


def test_checking_leaves_nothing_behind(tmp_path):
    files.check_folder(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []

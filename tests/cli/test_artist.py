"""The artist draws what would be drawn here, and nobody misses a picture when it cannot."""

import pytest

from sim.cli.artist import hired
from sim.report import files
from sim.report.plots.pictures import PICTURES, draw
from tests.results.results import result


@pytest.fixture(scope="module")
def drawn_here(tmp_path_factory):
    folder = tmp_path_factory.mktemp("here")
    draw(result(), folder)
    return {name: (folder / name).read_bytes() for name in PICTURES}


def test_the_artist_draws_the_same_pictures(tmp_path, drawn_here):
    with hired(["compose", "kubernetes"]) as artist:
        assert artist is not None
        with artist.drawing(result(), tmp_path):
            pass
        artist.process.join(10)
        assert artist.process.exitcode == 0  # it was the artist, not we
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == drawn_here


def test_a_report_is_whole_when_the_artist_has_died(tmp_path, drawn_here):
    with hired(["compose", "kubernetes"]) as artist:
        artist.process.kill()
        artist.process.join()
        files.write(result(), tmp_path / "report", drawing=artist.drawing)
    assert {name: (tmp_path / "report" / name).read_bytes() for name in PICTURES} == drawn_here


def test_what_keeps_the_artist_from_drawing_is_told_here(tmp_path):
    with hired(["compose"]) as artist, artist.drawing(result(), tmp_path / "gone") as missing:
        pass
    assert list(missing) == list(PICTURES)
    assert {type(why) for why in missing.values()} == {FileNotFoundError}


def test_an_interruption_beside_the_artist_leaves_the_old_report(tmp_path, monkeypatch):
    files.write(result(), tmp_path / "r", plots=False)
    before = {path.name: path.read_bytes() for path in (tmp_path / "r").iterdir()}

    def impatient(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "_series", impatient)
    with hired(["compose"]) as artist, pytest.raises(KeyboardInterrupt):
        files.write(result(2), tmp_path / "r", drawing=artist.drawing)
    assert not artist.process.is_alive()
    assert {path.name: path.read_bytes() for path in (tmp_path / "r").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_a_machine_with_one_processor_has_no_artist(monkeypatch):
    monkeypatch.setattr("sim.cli.artist.os.cpu_count", lambda: 1)
    with hired(["compose"]) as artist:
        assert artist is None

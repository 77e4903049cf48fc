"""The drawing of what was understood: everything is in it, and nothing lies over another."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sim.imports.evidence import Imported, Link
from sim.imports.picture import picture
from sim.library.stacks import import_stack, load_stack
from sim.schema.stack import Service

DATA = Path(__file__).parents[1] / "data"
SVG = "{http://www.w3.org/2000/svg}"


def _imported(names: list[str], links: list[tuple[str, str]], confidence: str = "high") -> Imported:
    services = {name: Service(role="http") for name in names}
    stack = load_stack("sspp").model_copy(update={"services": services})
    made = tuple(Link(a, b, "A_URL", confidence) for a, b in links)  # type: ignore[arg-type]
    return Imported(stack, {}, made)


def _boxes(drawing: str) -> list[tuple[float, ...]]:
    rows = ElementTree.fromstring(drawing).findall(f"{SVG}rect")
    boxes = [row for row in rows if "box" in row.get("class", "")]
    return [tuple(float(row.get(key, 0)) for key in ("x", "y", "width", "height")) for row in boxes]


def test_it_shows_services_calls_limits_and_doubts() -> None:
    imported = import_stack(str(DATA / "manifests" / "shop.yaml"))
    drawing = picture(imported)
    for words in ("shop-web", "users&apos; way in", "60 connections", "aof_everysec", "512Mi"):
        assert words.replace("&apos;", "'") in drawing, words
    assert "shop-web asks postgres: DATABASE_URL (high)" in drawing
    assert drawing == picture(imported)


def test_twelve_services_lie_beside_each_other_and_callers_left_of_callees() -> None:
    names = [f"s{i}" for i in range(12)]
    links = [("s0", f"s{i}") for i in range(1, 6)] + [(f"s{i}", f"s{i + 6}") for i in range(1, 6)]
    drawing = picture(_imported(names, links))
    boxes = _boxes(drawing)
    assert len(boxes) == 12
    for (ax, ay, aw, ah), (bx, by, bw, bh) in combinations(boxes, 2):
        assert ax + aw <= bx or bx + bw <= ax or ay + ah <= by or by + bh <= ay
    assert len(re.findall(r'<path class="line', drawing)) == len(links)
    assert len({box[0] for box in boxes}) == 3


def test_what_is_not_sure_is_dashed() -> None:
    assert 'class="line low"' in picture(_imported(["a", "b"], [("a", "b")], "low"))


@pytest.mark.parametrize("number", [1, 2, 40])
def test_circles_end(number: int) -> None:
    """Everybody asks everybody: each call is drawn, and the drawing is made at once."""
    names = [f"s{i}" for i in range(number)]
    links = [(a, b) for a in names for b in names]
    drawing = picture(_imported(names, links))
    assert len(_boxes(drawing)) == number
    assert len(re.findall(r'<path class="line', drawing)) == len(links)


def test_titles_are_anybody_s() -> None:
    stack = load_stack("sspp").model_copy(update={"title": "<b> & 'c'"})
    drawing = ElementTree.fromstring(picture(Imported(stack, {}, ())))
    assert drawing.findtext(f"{SVG}title") == "<b> & 'c'"


def test_an_arrow_over_a_column_passes_between_its_boxes_and_one_back_points_back() -> None:
    pairs = ["ab", "bc", "ad", "dc", "ac", "cb"]
    drawing = picture(_imported(list("abcd"), [(a, b) for a, b in pairs]))
    by_place = sorted(_boxes(drawing))
    middle = [box for box in by_place if by_place[0][0] < box[0] < by_place[-1][0]]
    paths = dict(
        zip(pairs, re.findall(r'<path class="line[^>]* d="([^"]+)"', drawing), strict=True)
    )
    over = [float(y) for y in re.findall(r" ([\d.]+)H", paths["ac"])]
    assert over
    assert not any(y <= height <= y + high for _, y, _, high in middle for height in over)
    back = [float(number) for number in re.findall(r"[\d.]+", paths["cb"])]
    assert back[0] > back[-2]  # from the left side of c to the right side of b
    assert back[-2] == middle[0][0] + middle[0][2]

"""A drawing of boxes and arrows: columns by how far from the users, who is asked stands right of
who asks. An SVG without scripts, the same for the same input.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

BOX_WIDTH, LINE, PAD = 190, 16, 8
GAP_X, GAP_Y, MARGIN = 90, 22, 24
LABEL = 110  # the width of a label at the end of an arrow
MOST_NAME = 26  # characters of a name in a box
COLOURS = {
    "http": "#dbeafe", "worker": "#dcfce7", "postgres": "#fef3c7", "redis": "#fee2e2",
    "proxy": "#ede9fe", "other": "#f3f4f6",
}  # fmt: skip
_STYLE = """\
text{font:12px system-ui,sans-serif;fill:#111}
.name{font-weight:600}
.small{font-size:11px;fill:#444}
.box{stroke:#555;stroke-width:1}
.apart,.medium,.low{stroke-dasharray:5 4}
.line{fill:none;stroke:#555;stroke-width:1.3}
.failing{stroke:#b91c1c;stroke-width:2.5}
.label{font-size:11px;text-anchor:end}
"""
_TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
    'markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L8 4L0 8z" fill="#555"/></marker>'
    "</defs>"
)
Place = tuple[float, float, float]  # x, y, height


class Box(NamedTuple):
    """A service: what stands below its name, the part that it plays, whether nobody asks for it."""

    lines: tuple[str, ...]
    part: str = "other"  # of COLOURS
    apart: bool = False


class Arrow(NamedTuple):
    """Who asks whom. `title` is shown under the mouse and read aloud, `labels` (none or two) stand
    above and below the line's end, `style` is a class: medium or low (not sure), failing."""

    caller: str
    callee: str
    title: str
    labels: tuple[str, ...] = ()
    style: str = ""


def graph(
    boxes: Mapping[str, Box], arrows: Sequence[Arrow], first: str, title: str,
    notes: Sequence[str] = (), gap: float = GAP_X,
) -> str:  # fmt: skip
    """The drawing, of at least one box. `first`: the box that the world reaches; `gap`: pixels
    between columns."""
    columns = _columns(list(boxes), arrows, first)
    places = _places(columns, boxes, arrows, gap)
    bottom = max(y + height for _, y, height in places.values())
    height = bottom + GAP_Y + LINE * (len(notes) + 1)
    width = MARGIN * 2 + len(columns) * BOX_WIDTH + (len(columns) - 1) * gap
    width = max([width, *(MARGIN * 2 + 6.2 * len(note) for note in notes)])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        _TIP,
        f'<rect width="{width:g}" height="{height:g}" fill="#fff"/>',
        *_lines(arrows, places, gap),
    ]
    for name, (x, y, box_height) in places.items():
        box = boxes[name]
        parts.append(
            f'<rect class="box{" apart" if box.apart else ""}" x="{x:g}" y="{y:g}" '
            f'width="{BOX_WIDTH}" height="{box_height:g}" rx="5" fill="{COLOURS[box.part]}"/>'
        )
        shown = name if len(name) <= MOST_NAME else f"{name[: MOST_NAME - 1]}\u2026"
        for i, words in enumerate((shown, *box.lines)):
            kind = "small" if i else "name"
            parts.append(_text(x + PAD, y + PAD + LINE * (i + 0.75), words, kind))
    parts += [
        _text(MARGIN, bottom + GAP_Y + LINE * (i + 1), note, "small")
        for i, note in enumerate(notes)
    ]
    return "\n".join([*parts, "</svg>", ""])


def _columns(names: Sequence[str], arrows: Sequence[Arrow], first: str) -> list[list[str]]:
    """Services by how many calls they are behind the first; who is in a circle stays where it was
    met. What neither asks nor is asked stands in the last column."""
    callees = {name: [a.callee for a in arrows if a.caller == name] for name in names}
    asked = {arrow.callee for arrow in arrows}
    roots = [name for name in names if name == first or (callees[name] and name not in asked)]
    depth = dict.fromkeys(roots, 0)
    for name, below in _in_order(roots, callees).items():
        for callee in below:
            depth[callee] = max(depth.get(callee, 0), depth[name] + 1)
    last = max(depth.values(), default=0)
    for name in names:
        depth.setdefault(name, last)
    columns = [[name for name in names if depth[name] == level] for level in range(last + 1)]
    return [column for column in columns if column]


def _in_order(roots: Sequence[str], callees: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Whom each asks, callers before callees, without the call that closes a circle."""
    ended: dict[str, list[str]] = {}  # callees first
    begun: set[str] = set()

    def visit(name: str) -> None:
        begun.add(name)
        below = [callee for callee in callees[name] if callee not in begun or callee in ended]
        for callee in below:
            if callee not in begun:
                visit(callee)
        ended[name] = [callee for callee in below if callee in ended]

    for root in roots:
        if root not in begun:
            visit(root)
    return dict(reversed(ended.items()))


def _places(
    columns: Sequence[Sequence[str]], boxes: Mapping[str, Box], arrows: Sequence[Arrow], gap: float
) -> dict[str, Place]:
    """A box is as high as what stands in it, and as the labels of the arrows that end at it."""
    places: dict[str, Place] = {}
    labels = Counter({name: 0 for name in boxes})
    for arrow in arrows:
        labels[arrow.callee] += len(arrow.labels)
    heights = {
        name: max(PAD * 2 + LINE * (1 + len(box.lines)), (LINE + 2) * labels[name])
        for name, box in boxes.items()
    }
    totals = [sum(heights[name] + GAP_Y for name in column) - GAP_Y for column in columns]
    for column, names in enumerate(columns):
        x = MARGIN + column * (BOX_WIDTH + gap)
        y = MARGIN + (max(totals) - totals[column]) / 2
        for name in names:
            places[name] = (x, y, heights[name])
            y += heights[name] + GAP_Y
    return places


def _lines(arrows: Sequence[Arrow], places: Mapping[str, Place], gap: float) -> Iterator[str]:
    """All arrows, those that end at one box under one another, by the height of their callers."""
    ends = defaultdict[str, list[Arrow]](list)
    for arrow in sorted(arrows, key=lambda arrow: places[arrow.caller][1]):
        ends[arrow.callee].append(arrow)
    for arrow in arrows:
        _, y, height = places[arrow.callee]
        others = ends[arrow.callee]
        share = (others.index(arrow) + 0.5) / len(others)
        yield _line(arrow, places, y + height * share, gap)


def _line(arrow: Arrow, places: Mapping[str, Place], b: float, gap: float) -> str:
    """From the caller's side to the callee's at the height `b`, between the boxes of the columns on
    its way; within a column around its right side."""
    x1, y1, h1 = places[arrow.caller]
    x2, *_ = places[arrow.callee]
    a = y1 + h1 / 2
    end = x2 if x2 > x1 else x2 + BOX_WIDTH
    if x1 == x2:
        path = f"M{end:g} {a:g}{_bend(end, a, end, b, gap / 2, gap / 2)}"
    else:
        out, into = (BOX_WIDTH, 0) if x2 > x1 else (0, BOX_WIDTH)
        x, y = x1 + out, a
        path = f"M{x:g} {y:g}"
        for column in sorted(_between(x1, x2, places), reverse=x2 < x1):
            straight = a + (b - a) * (column - x1) / (x2 - x1)
            height = min(_free(column, places), key=lambda free: abs(free - straight))
            bend = (column + into - x) / 2
            path += f"{_bend(x, y, column + into, height, bend, -bend)}H{column + out:g}"
            x, y = column + out, height
        level = end - (LABEL if arrow.labels and x2 > x1 else 0)  # from there on it is straight
        path += _bend(x, y, level, b, (level - x) / 2, (x - level) / 2)
        path += f"H{end:g}" if level != end else ""
    heights = (b - 5, b + 13)
    labels = (
        _text(end - 12, y, words, "label") for words, y in zip(arrow.labels, heights, strict=False)
    )
    return (
        f'<path class="line {arrow.style}" d="{path}" marker-end="url(#tip)">'
        f"<title>{escape(arrow.title)}</title></path>{''.join(labels)}"
    )


def _bend(x1: float, y1: float, x2: float, y2: float, out: float, into: float) -> str:
    """A curve that leaves and arrives level."""
    return f"C{x1 + out:g} {y1:g} {x2 + into:g} {y2:g} {x2:g} {y2:g}"


def _between(x1: float, x2: float, places: Mapping[str, Place]) -> set[float]:
    low, high = sorted((x1, x2))
    return {x for x, *_ in places.values() if low < x < high}


def _free(column: float, places: Mapping[str, Place]) -> list[float]:
    """Heights at which no box of the column stands: above the first, and below each."""
    spans = sorted((y, y + height) for x, y, height in places.values() if x == column)
    return [spans[0][0] - GAP_Y / 2, *(low + GAP_Y / 2 for _, low in spans)]


def _text(x: float, y: float, words: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(words)}</text>'

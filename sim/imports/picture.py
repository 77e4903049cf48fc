"""What was understood of somebody's files, as a drawing: services, who asks whom, limits, doubts.

Columns by how far from the users: who is asked stands right of who asks. A line is dashed where the
evidence is not sure, a box where nobody in the files asks for it. An SVG without scripts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from sim.imports.evidence import Imported, Link
from sim.schema.stack import Service
from sim.schema.text.written import size

BOX_WIDTH, LINE, PAD = 190, 16, 8
GAP_X, GAP_Y, MARGIN = 90, 22, 24
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
.apart{stroke-dasharray:4 3}
.line{fill:none;stroke:#555;stroke-width:1.3}
.medium,.low{stroke-dasharray:5 4}
"""
Place = tuple[float, float, float]  # x, y, height


def picture(imported: Imported) -> str:
    """The drawing. The same for the same files."""
    services = imported.stack.services
    entry = next((name for name, service in services.items() if service.role == "http"), "")
    links = [link for link in imported.links if {link.caller, link.callee} <= set(services)]
    columns = _columns(list(services), links, entry)
    lines = {name: _words(service, name == entry) for name, service in services.items()}
    places = _places(columns, lines)
    width = MARGIN * 2 + len(columns) * BOX_WIDTH + (len(columns) - 1) * GAP_X
    bottom = max(y + height for _, y, height in places.values())
    asked = {link.callee for link in links} | {link.caller for link in links}
    notes = [f"? {question}" for question in imported.questions]
    parts = [_line(link, places) for link in links]
    for name, (x, y, height) in places.items():
        apart = "" if name in asked or name == entry else " apart"
        colour = COLOURS.get(services[name].role, COLOURS["other"])
        parts.append(
            f'<rect class="box{apart}" x="{x:g}" y="{y:g}" width="{BOX_WIDTH}" '
            f'height="{height:g}" rx="5" fill="{colour}"/>'
        )
        for i, words in enumerate(lines[name]):
            kind = "small" if i else "name"
            parts.append(_text(x + PAD, y + PAD + LINE * (i + 0.75), words, kind))
    for i, words in enumerate(notes):
        parts.append(_text(MARGIN, bottom + GAP_Y + LINE * (i + 1), words, "small"))
    height = bottom + GAP_Y + LINE * (len(notes) + 1)
    wide = max([width, *(MARGIN * 2 + 6.2 * len(note) for note in notes)])
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {height:g}" '
        f'width="{wide:g}" height="{height:g}" role="img">'
    )
    arrow = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>'
    )
    title = f"<title>{escape(imported.stack.title)}</title><style>{_STYLE}</style>"
    ground = f'<rect width="{wide:g}" height="{height:g}" fill="#fff"/>'
    return "\n".join([head, title, arrow, ground, *parts, "</svg>", ""])


def _words(service: Service, is_entry: bool) -> list[str]:
    """What stands in a box below its name."""
    role = f"{service.role}, users' way in" if is_entry else service.role
    limits = []
    if service.role in ("http", "worker"):
        limits.append(f"{service.concurrency} at once")
    if service.database is not None:
        limits.append(f"pool {service.database.pool}")
    if service.role == "postgres":
        limits.append(f"{service.max_connections} connections")
    if service.role == "redis":
        limits.append(service.persistence)
    machine = []
    if service.cpu.limit is not None:
        machine.append(f"{service.cpu.limit:g} cores")
    if service.memory.limit is not None:
        machine.append(f"{size(service.memory.limit)}")
    if service.replicas > 1:
        role = f"{service.replicas} x {role}"
    return [role, *([", ".join(limits)] if limits else []), *([", ".join(machine)] * bool(machine))]


def _columns(names: Sequence[str], links: Sequence[Link], entry: str) -> list[list[str]]:
    """Services by how many calls they are behind the first; who is in a circle stays where it was
    met. What neither asks nor is asked stands in the last column."""
    asks = {name: [link.callee for link in links if link.caller == name] for name in names}
    asked = {link.callee for link in links}
    roots = [name for name in names if name == entry or (asks[name] and name not in asked)]
    depth = dict.fromkeys(roots, 0)
    for name, callees in _in_order(roots, asks).items():
        for callee in callees:
            depth[callee] = max(depth.get(callee, 0), depth[name] + 1)
    last = max(depth.values(), default=0)
    for name in names:
        depth.setdefault(name, last)
    columns = [[name for name in names if depth[name] == level] for level in range(last + 1)]
    return [column for column in columns if column]


def _in_order(roots: Sequence[str], asks: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Whom each asks, callers before callees, without the call that closes a circle."""
    ended: dict[str, list[str]] = {}  # callees first
    begun: set[str] = set()

    def visit(name: str) -> None:
        begun.add(name)
        callees = [callee for callee in asks[name] if callee not in begun or callee in ended]
        for callee in callees:
            if callee not in begun:
                visit(callee)
        ended[name] = [callee for callee in callees if callee in ended]

    for root in roots:
        if root not in begun:
            visit(root)
    return dict(reversed(ended.items()))


def _places(columns: Sequence[Sequence[str]], lines: dict[str, list[str]]) -> dict[str, Place]:
    places: dict[str, Place] = {}
    for name, words in lines.items():
        shown = name if len(name) <= MOST_NAME else f"{name[: MOST_NAME - 1]}\u2026"
        lines[name] = [shown, *words]
    heights = {name: PAD * 2 + LINE * len(words) for name, words in lines.items()}
    totals = [sum(heights[n] + GAP_Y for n in column) - GAP_Y for column in columns]
    for column, names in enumerate(columns):
        x = MARGIN + column * (BOX_WIDTH + GAP_X)
        y = MARGIN + (max(totals) - totals[column]) / 2
        for name in names:
            places[name] = (x, y, heights[name])
            y += heights[name] + GAP_Y
    return places


def _line(link: Link, places: Mapping[str, Place]) -> str:
    """From the caller's side to the callee's; within a column around its right side."""
    x1, y1, h1 = places[link.caller]
    x2, y2, h2 = places[link.callee]
    a, b = y1 + h1 / 2, y2 + h2 / 2
    start = x1 + BOX_WIDTH
    end = x2 if x2 > x1 else x2 + BOX_WIDTH
    bend = (end - start) / 2 if x2 > x1 else GAP_X / 2
    other = end - bend if x2 > x1 else end + bend
    path = f"M{start:g} {a:g}C{start + bend:g} {a:g} {other:g} {b:g} {end:g} {b:g}"
    said = escape(f"{link.caller} asks {link.callee}: {link.evidence} ({link.confidence})")
    return (
        f'<path class="line {link.confidence}" d="{path}" marker-end="url(#tip)">'
        f"<title>{said}</title></path>"
    )


def _text(x: float, y: float, words: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(words)}</text>'

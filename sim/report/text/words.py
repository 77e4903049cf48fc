"""Numbers as people read them: durations, counts, shares, clock times."""

from __future__ import annotations

import re
from collections.abc import Callable

from sim.results.figures import Unit, figure_at
from sim.results.intervals import EXTREMES, MEAN_95, kind

# what makes a line of Markdown more than a line of a paragraph
_BLOCK = re.compile(r"^(\s*\d*)(#|>|~~~|=+$|--+$|[-+*](?=\s)|(?<=\d)[.)](?=\s))")
WHOLE = 1e15  # a float of more digits is no whole number that somebody wrote
NOTHING = "-"  # a figure that does not exist: never recovered, nothing answered


def platform(name: str) -> str:
    """A platform's name as a heading: `ECS Fargate`, `Kubernetes without autoscaling`."""
    proper = {"ecs": "ECS", "fargate": "Fargate", "run": "Run"}
    base, *without = name.split("-")
    first, *rest = base.split("_")
    first = proper.get(first, first[:1].upper() + first[1:])
    heading = " ".join([first, *(proper.get(word, word) for word in rest)])
    taken = " and ".join(without).replace("_", " ")
    return f"{heading} without {taken}" if without else heading


def duration(seconds: float | None) -> str:
    """`0 s`, `12 s`, `5 min 41 s`, `2 h 03 min`; below 10 s with one decimal; `-` for None."""
    if seconds is None:
        return NOTHING
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if 0 < seconds < 0.95:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.0095 else f"{seconds * 1000:.1f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest:02d} s" if rest else f"{minutes} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if minutes else f"{hours} h"


def span(path: str, low: float, high: float) -> str:
    """From the least to the most of a figure: `2:50 .. 7:30`, `8 .. 12 s`; empty if it is one."""
    first, last = figure(path, low), figure(path, high)
    if first == last:
        return ""
    seconds = {Unit.SECONDS: 1.0, Unit.MOMENT: 1.0, Unit.MINUTES: 60.0}.get(figure_at(path).unit)
    if seconds is None or max(abs(low), abs(high)) * seconds < 60.0:
        return f"{first} .. {last}"
    return f"{_colons(low * seconds)} .. {_colons(high * seconds)}"


def _colons(seconds: float) -> str:
    """`7:30`, `3:08:15`, `-0:05`."""
    minutes, rest = divmod(round(abs(seconds)), 60)
    sign = "-" if seconds < -0.5 else ""
    if minutes < 60:
        return f"{sign}{minutes}:{rest:02d}"
    return f"{sign}{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def size(bytes_: float) -> str:
    """`512 MiB`, `8 GiB`."""
    gib = bytes_ / 1024**3
    return f"{gib:.3g} GiB" if gib >= 1.0 else f"{bytes_ / 1024**2:.3g} MiB"


def clock(seconds: float) -> str:
    """Simulated time of day zero: `00:05:00`, `103:20:07`."""
    whole = int(seconds + 1e-9)
    return f"{whole // 3600:02d}:{whole % 3600 // 60:02d}:{whole % 60:02d}"


def count(value: float | None) -> str:
    """`18,024`; a mean over replications keeps one decimal below 100."""
    if value is None:
        return NOTHING
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) < 100 else f"{value:,.0f}"


def plain(value: float) -> str:
    """As somebody wrote it: `104857600` rather than `1.04858e+08`."""
    whole = value.is_integer() and abs(value) < WHOLE
    return str(int(value)) if whole else f"{value:g}"


def plural(number: float, word: str) -> str:
    """`1 page`, `2 pages`."""
    return f"{count(number)} {word}{'' if number == 1 else 's'}"


def share(value: float) -> str:
    """`99.97 %`; never rounded up to 100."""
    text = f"{value * 100:.2f}"
    return f"{'99.99' if text == '100.00' and value < 1 else text} %".replace("100.00", "100")


def money(value: float) -> str:
    """`$1,024.50`, `-$1.11`."""
    return f"{'-' if round(value, 2) < 0 else ''}${abs(value):,.2f}"


BOUNDS = {EXTREMES: "lowest and highest", MEAN_95: "95 %"}  # in words


def kind_of_bounds(number: int, of: str) -> str:
    """What is told beside a mean of so many: `95 %`, `lowest and highest of 2 pairs`."""
    name = kind(number)
    return f"{BOUNDS[name]} of {number} {of}" if name == EXTREMES else BOUNDS[name]


def causes(counts: dict[str, float], most: int = 4) -> str:
    """`1,530 refused, 204 http 500`: the largest first, the rest summed up; empty if all are 0."""
    ranked = sorted(((n, name) for name, n in counts.items() if n), key=lambda x: (-x[0], x[1]))
    parts = [f"{count(n)} {name.replace('_', ' ')}" for n, name in ranked[:most]]
    rest = sum(n for n, _ in ranked[most:])
    return ", ".join([*parts, f"{count(rest)} other"] if rest else parts)


def figure(path: str, value: float | None) -> str:
    """A figure of the platform record by its dotted path, in its unit. KeyError: no such path."""
    return NOTHING if value is None else IN_UNIT[figure_at(path).unit](value)


def difference(path: str, value: float) -> str:
    """With its sign: `-56 min 32 s`, `+$0.20`, `+32.34` (points of a share), `0 s`."""
    if figure_at(path).unit is Unit.SHARE:
        return f"{value * 100:+.2f}"
    text = figure(path, value)
    return f"+{text}" if value > 0.0 and re.search("[1-9]", text) else text


IN_UNIT: dict[Unit, Callable[[float], str]] = {
    Unit.COUNT: count,
    Unit.SECONDS: duration,
    Unit.MOMENT: duration,
    Unit.SHARE: share,
    Unit.MINUTES: lambda value: duration(60.0 * value),
    Unit.HOURS: lambda value: f"{value:.2f} h",
    Unit.DOLLARS: money,
}


def bounds(path: str, low: float | None, high: float | None) -> str:
    """What a claim allows: `2 min .. 10 min`, `at most 0 s`, `exactly 8`."""
    if low is not None and high is not None:
        if low == high:
            return f"exactly {figure(path, low)}"
        return f"{figure(path, low)} .. {figure(path, high)}"
    if low is not None:
        return f"at least {figure(path, low)}"
    return f"at most {figure(path, high)}" if high else figure(path, high)


def markdown(text: str) -> str:
    """Text in Markdown that starts no cell, tag, link, picture, heading, list or block of code;
    emphasis and code between single backticks stay what they are."""
    for mark, written in (("|", "\\|"), ("<", "&lt;"), ("[", "\\["), ("```", "\\`\\`\\`")):
        text = text.replace(mark, written)
    return "\n".join(_BLOCK.sub(r"\1\\\2", line) for line in text.split("\n"))

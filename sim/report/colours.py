"""One colour and one pattern of dashes a platform: in report.html, on slides, on the live page.

A hardened form has the colour of the platform that it hardens, and dashes of its own, so that
curves differ by more than colour. Platforms of users and platforms without a capability take what
is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import NamedTuple


class Style(NamedTuple):
    """`light` and `dark`: the colour on white and on black, each with a contrast above 4.5."""

    light: str
    dark: str
    dashes: str


BLUE = ("#0072b2", "#62b6f0")
RED = ("#b34700", "#ff9e5e")
GREEN = ("#00795a", "#4fd3a5")
PURPLE = ("#8a4a80", "#e3a1d8")
OLIVE = ("#6b5b00", "#e0cf5a")
GREY = ("#444444", "#c9c9cf")
STYLES = (
    Style(*BLUE, ""), Style(*RED, "6 3"), Style(*GREEN, "2 2.5"), Style(*PURPLE, "10 3 2 3"),
    Style(*OLIVE, "14 4"), Style(*GREY, "4 2 1 2 1 2"), Style(*BLUE, "1 3"),
    Style(*RED, "10 2 2 2 2 2"), Style(*GREEN, "18 3 6 3"), Style(*PURPLE, "1 2 6 2"),
    Style(*OLIVE, "3 6"), Style(*GREY, "20 4 2 4 2 4"),
)  # fmt: skip
NAMED = (
    "compose", "kubernetes", "swarm", "nomad", "ecs_fargate", "cloud_run", "compose_hardened",
    "kubernetes_tuned",
)  # fmt: skip


def kinds(platforms: Sequence[str]) -> list[int]:
    """Which of STYLES each has; only from the thirteenth on a style is used twice."""
    own = range(len(NAMED), len(STYLES))
    free = [kind for kind, name in enumerate(NAMED) if name not in platforms]
    others = cycle([*own, *free])
    return [NAMED.index(name) if name in NAMED else next(others) for name in platforms]


def on_white(platforms: Sequence[str]) -> dict[str, str]:
    """The colour of each of these platforms on a slide."""
    return {
        name: STYLES[kind].light for name, kind in zip(platforms, kinds(platforms), strict=True)
    }


def css() -> str:
    """The variables --p0, --p1 ... by day and by night, and how a curve of each kind looks."""
    light, dark = (
        "".join(f"--p{kind}:{style[tone]};" for kind, style in enumerate(STYLES)) for tone in (0, 1)
    )
    curves = "".join(
        f".p{kind}{{stroke:var(--p{kind});stroke-dasharray:{style.dashes or 'none'}}}"
        for kind, style in enumerate(STYLES)
    )
    night = f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}"
    return f":root{{{light}}}{night}{curves}\n"

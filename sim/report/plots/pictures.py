"""The plots as PNG files."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sim.report.folder import Missing, write_each
from sim.report.text import findings
from sim.results.measurements import Measurements

PICTURES = ("downtime.png", "jobs.png", "connections.png")


def pictures(result: Measurements) -> list[str]:
    """Which plots there are; with the price of each beside its downtime for many platforms."""
    return ["compare.png" if findings.is_many(result) else PICTURES[0], *PICTURES[1:]]


def draw(result: Measurements, folder: Path) -> Missing:
    """All plots of a result into `folder`; returns those that could not be drawn or written."""
    # a text-only run has no matplotlib
    from matplotlib.image import imsave  # noqa: PLC0415

    from sim.report.plots.slides import figure  # noqa: PLC0415

    missing: Missing = {}
    saved = {}
    with ThreadPoolExecutor(1) as pool:  # compresses one while the next is drawn
        for name in pictures(result):
            try:
                page = figure(result, name.removesuffix(".png"))
                canvas: Any = page.canvas
                canvas.draw()
            except Exception as error:  # whatever a drawing library raises: the others are kept
                missing[name] = error
                continue
            pixels = canvas.buffer_rgba()
            saved[name] = pool.submit(imsave, folder / name, pixels, dpi=page.dpi)
    return missing | write_each({name: _saved(image) for name, image in saved.items()}, folder)


def _saved(image: Future[None]) -> Callable[[Path], None]:
    return lambda path: image.result()

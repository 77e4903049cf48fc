"""The plots as PNG files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sim.report.text import comparison
from sim.results.measurements import Measurements

PICTURES = ("downtime.png", "jobs.png", "connections.png")


def pictures(result: Measurements) -> list[str]:
    """Which plots there are; many platforms are compared in small multiples first."""
    return [*(["compare.png"] if comparison.is_many(result) else []), *PICTURES]


def draw(result: Measurements, folder: Path) -> None:
    """All plots of a result into `folder`."""
    # a text-only run has no matplotlib
    from matplotlib.image import imsave  # noqa: PLC0415

    from sim.report.plots.slides import figure  # noqa: PLC0415

    saved = []
    with ThreadPoolExecutor(1) as pool:  # compresses one while the next is drawn
        for name in pictures(result):
            page = figure(result, name.removesuffix(".png"))
            canvas: Any = page.canvas
            canvas.draw()
            saved.append(pool.submit(imsave, folder / name, canvas.buffer_rgba(), dpi=page.dpi))
        for file in saved:
            file.result()  # raises if it could not be written

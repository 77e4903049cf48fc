"""report.html: the verdict, then the sections. Self-contained: no request leaves the file.

Readable without scripts, without colour and on paper: curves are SVG made here, the script draws
them again with uPlot, to look closer. Titles and texts are anybody's: everything is escaped. The
page forbids itself to load anything (Content-Security-Policy).
"""

from __future__ import annotations

import base64
from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from sim.report import colours
from sim.report.page import charts, curves
from sim.report.page.sections import sections
from sim.report.postmortem import text
from sim.report.text import findings, means, verdict, words
from sim.results.measurements import Measurements

SCRIPTS = ("uPlot.js", "report.js")


def page(result: Measurements) -> str:
    """The whole document."""
    return _environment().get_template("page.html").render(
        result=result,
        drawing=image(result.drawing),
        verdict=verdict.verdict(result),
        means=means.short(result) if len(result.platforms) <= charts.FEW else "",
        setting=findings.setting(result),
        sections=sections(result),
        css=Markup(colours.css() + source("uPlot.css") + source("report.css")),
        script=Markup("".join(map(source, SCRIPTS))),
        notice=source("uPlot.LICENSE"),
        geometry=charts,
        box=curves,
        say=text,
    )  # fmt: skip


def image(svg: str) -> str:
    """A drawing as an address: what is in it touches nothing of the page."""
    coded = base64.b64encode(svg.encode()).decode()
    return f"data:image/svg+xml;base64,{coded}" if svg else ""


def source(name: str) -> str:
    """The text of a template, or of a file that the page carries inside."""
    return files("sim.report.page").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(source),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"clock": words.clock, "image": image}
    return environment

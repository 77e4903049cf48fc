"""The exports by name, and the files that they become."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from sim.report.exports import parquet
from sim.report.exports.k6 import k6
from sim.report.exports.openmetrics import openmetrics
from sim.report.exports.trace import trace
from sim.results.measurements import Measurements
from sim.schema.fields import InputError
from sim.schema.text.validation import closest, one_of

FILES = {
    "trace": "trace.json",
    "openmetrics": "metrics.txt",
    "parquet": "series.parquet",
    "k6": "traffic.k6.js",
}
TEXTS: dict[str, Callable[[Measurements], str]] = {
    "trace": trace,
    "openmetrics": openmetrics,
    "k6": k6,
}


def chosen(text: str) -> tuple[str, ...]:
    """`trace,k6` as names; `all` is all. Raises `InputError` for another name, or for one whose
    library is missing."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if names == ["all"]:
        names = list(FILES)
    for name in names:
        if name not in FILES:
            raise InputError(
                field="--export",
                found=repr(name),
                expected=one_of([*FILES, "all"]),
                nearest=closest(name, [*FILES, "all"]),
            )
    if "parquet" in names:
        parquet.check()
    return tuple(dict.fromkeys(names))


def export(result: Measurements, names: Iterable[str], folder: Path) -> None:
    """Write these exports to an existing folder."""
    for name in names:
        if name == "parquet":
            parquet.parquet(result, folder / FILES[name])
        else:
            (folder / FILES[name]).write_text(TEXTS[name](result), encoding="utf-8")

"""The formats of `--export`, a row each: what the command line's help lists and a report may hold.

To add one, write a module of its name beside this one with a function of its name, which makes the
text or the bytes of a result, and its row here.
A module loads when its format is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sim.schema.fields import InputError

if TYPE_CHECKING:
    from sim.report.folder import Parts
    from sim.results.measurements import Measurements


class Format(NamedTuple):
    file: str
    purpose: str = ""  # told in the help where the name does not say it
    needs: str = ""  # a module of the extra that is called as the format is


FORMATS = {
    "trace": Format("trace.json", "for Perfetto"),
    "openmetrics": Format("metrics.txt"),
    "parquet": Format("series.parquet", needs="pyarrow.parquet"),
    "k6": Format("traffic.k6.js"),
}


def listed() -> str:
    """`trace (for Perfetto), openmetrics, parquet, k6`."""
    return ", ".join(
        f"{name} ({row.purpose})" if row.purpose else name for name, row in FORMATS.items()
    )


def named(text: str) -> tuple[str, ...]:
    """`trace,k6` as names; `all` is all. Raises `InputError` for another name, or for one whose
    library is missing."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if names == ["all"]:
        names = list(FORMATS)
    for name in names:
        if name not in FORMATS:
            from sim.schema.text.validation import option  # noqa: PLC0415 - loads a YAML parser

            raise option("--export").unknown(name, [*FORMATS, "all"], repr(name))
    for name in names:
        if FORMATS[name].needs:
            _check_library(name, FORMATS[name].needs)
    return tuple(dict.fromkeys(names))


def _check_library(name: str, module: str) -> None:
    try:
        import_module(module)
    except ImportError:
        raise InputError(
            field=f"--export {name}",
            found=f"no {module.partition('.')[0]}",
            expected=f"pip install 'outage-lab[{name}]'",
        ) from None


def export_parts(result: Measurements, names: Iterable[str]) -> Parts:
    """What writes each of these exports, by the name of its file."""
    return {FORMATS[name].file: partial(_write, name, result) for name in names}


def _write(name: str, result: Measurements, path: Path) -> None:
    made: str | bytes = getattr(import_module(f"{__package__}.{name}"), name)(result)
    path.write_bytes(made if isinstance(made, bytes) else made.encode())

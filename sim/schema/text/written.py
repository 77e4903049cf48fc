"""Values of records as files write them: the shortest text that is read to exactly the same."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from sim.schema.fields import FROM_TEXT, LawSpec, parse_duration

_SIZES = (("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10))


def number(value: float, info: FieldInfo) -> Any:
    """A number of a record's field as files write it: with a unit, if the field asks for one."""
    of_field: Any = TypeAdapter(_annotated(info))
    try:
        if isinstance(value, int) and of_field.validate_python("1Ki", context=FROM_TEXT) == 1024:
            return size(value)
    except ValidationError:
        pass  # no size
    try:
        of_field.validate_python(value, context=FROM_TEXT)
    except ValidationError:
        return duration(value)
    return value


def _annotated(info: FieldInfo) -> Any:
    kept = [part for part in info.metadata if part is not None]
    inner = [kind for kind in get_args(info.annotation) if kind is not type(None)]
    base = inner[0] if inner and type(None) in get_args(info.annotation) else info.annotation
    return Annotated[(base, *kept)] if kept else base


def duration(seconds: float) -> str:
    """`250ms`: the shortest text that is read to exactly this number."""
    texts = (f"{seconds * scale:.15g}{unit}" for unit, scale in _SCALES)
    fitting = [text for text in texts if "e" not in text and _seconds(text) == seconds]
    return min(fitting, key=len, default=f"{seconds!r}s")


_SCALES = (("s", 1.0), ("m", 1 / 60), ("h", 1 / 3600), ("ms", 1e3), ("us", 1e6))


def _seconds(text: str) -> float | None:
    try:
        return parse_duration(text)
    except ValueError:
        return None


def size(number: int) -> Any:
    """`512Mi`, or bytes."""
    unit = next(((word, by) for word, by in _SIZES if number and number % by == 0), None)
    return f"{number // unit[1]}{unit[0]}" if unit else number


def law(spec: LawSpec) -> Any:
    """As files write laws."""
    mean = duration(spec.mean)
    forms: dict[str, Any] = {
        "constant": mean,
        "exponential": {"exponential": mean},
        "lognormal": {"lognormal": {"mean": mean, "cv": spec.cv}},
        "uniform": {"law": "uniform", "mean": mean, "cv": spec.cv},
    }
    return forms[spec.law]

"""Units as people write them, and the one message that tells what is wrong with an input.

A file or a command line must name units (`250ms`, `5/s`, `512Mi`, `500m`, `2%`); Python code that
builds records passes plain seconds, requests per second, bytes and cores. The difference is the
validation context `FROM_TEXT`, which the loaders give. Bytes and cores follow the Kubernetes
quantity rule (kubernetes/apimachinery pkg/api/resource/quantity.go); durations those of Go.
"""

from __future__ import annotations

import fractions
import math
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from textwrap import shorten
from typing import Annotated, Any, Literal, NoReturn, Self, TypeGuard

import durationpy
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

from sim.schema import bounds
from sim.schema.bounds import Bounds
from sim.schema.characters import printable, strange

LIST = 80  # letters of what is expected, where the nearest is named
FROM_TEXT = {"from_text": True}  # validation context: numbers need their unit


@dataclass(frozen=True, slots=True)
class Issue:
    """One problem. `line` and `column` count from 1; 0 or empty: not known or not apt."""

    file: str = ""
    line: int = 0
    column: int = 0
    field: str = ""
    found: str = ""
    expected: str = ""
    nearest: str = ""

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        where = ": ".join(part for part in (place, self.field) if part)
        found = f"found {self.found}" if self.found else ""
        many = bool(self.nearest) and len(self.expected) > LIST  # the nearest is what is wanted
        listed = shorten(self.expected, LIST, placeholder=" ...") if many else self.expected
        listed += ")" * (listed.count("(") - listed.count(")"))
        expected = f"expected {listed}" if listed else ""
        nearest = f"did you mean {self.nearest}?" if self.nearest else ""
        what = "; ".join(part for part in (found, expected, nearest) if part)
        return printable(": ".join(part for part in (where, what) if part).replace("\n", " "))


class InputError(Exception):
    """What the user gave cannot be used. Its text is one line for each issue."""

    def __init__(
        self,
        file: str = "",
        line: int = 0,
        column: int = 0,
        field: str = "",
        found: str = "",
        expected: str = "",
        nearest: str = "",
        issues: Iterable[Issue] = (),
    ) -> None:
        own = Issue(file, line, column, field, found, expected, nearest)
        self.issues: tuple[Issue, ...] = tuple(issues) or (own,)
        super().__init__("\n".join(str(issue) for issue in self.issues))

    def __reduce__(self) -> tuple[partial[InputError], tuple[()]]:
        """Between processes it travels with its issues; an exception does with its text alone."""
        return partial(InputError, issues=self.issues), ()

    def _render_traceback_(self) -> list[str]:
        """How Jupyter shows it (IPython asks for this name): its lines, not the way to them."""
        return [f"InputError: {line}" for line in str(self).splitlines()]


def refuse_all(issues: Iterable[Issue]) -> None:
    """Raise one `InputError` that tells all of them, if there are any."""
    told = tuple(issues)
    if told:
        raise InputError(issues=told)


class Complaints(list[Issue]):
    """What is wrong with several things, each looked at on its own: told together."""

    @contextmanager
    def noted(self) -> Iterator[None]:
        """An `InputError` of the body is kept."""
        try:
            yield
        except InputError as error:
            self += error.issues


def why_not(attempt: Callable[[], object]) -> str:
    """What is wrong first with what is tried; empty if nothing is."""
    complaints = Complaints()
    with complaints.noted():
        attempt()
    return str(complaints[0]) if complaints else ""


class Record(BaseModel):
    """A frozen record of parameters: no logic, no unknown fields, no infinities."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def __copy__(self) -> Self:
        """Without what has been worked out (`cached_property`): a copy gets other fields."""
        copied = super().__copy__()
        known = type(self).model_fields
        for name in [name for name in vars(copied) if name not in known]:
            del vars(copied)[name]
        return copied


def refuse(expected: str, nearest: str = "") -> NoReturn:
    """Stop validation of one value, saying what would do."""
    context: dict[str, Any] = {"expected": expected, "nearest": nearest}
    raise PydanticCustomError("unit", "expected {expected}", context)


# --- parsers: text to number; they raise ValueError(expected) for what they cannot read -----------

DURATION = "a duration such as 250ms, 5m or 1h30m"
TOO_LONG = f"{DURATION}, {bounds.DURATION.excess(math.inf)}"
RATE = "a rate such as 5/s, 300/min or 10/h"
BYTES = "a size such as 512Mi, 1Gi or 512M"
CORES = "a number of cores such as 500m, 2 or 0.5"
FRACTION = "a share from 0 to 1 such as 2% or 0.02"
RATIO = "a ratio of at least 0 such as 70% or 0.7"
COUNT = "a whole number of at least 0, without a unit"
MONEY = "an amount of at least 0 such as 0.20"
PORT = "a port from 1 to 65535"
LEAST_PRIORITY, MOST_PRIORITY = -(2**31), 1_000_000_000
PRIORITY = f"a whole number from {LEAST_PRIORITY} to {MOST_PRIORITY} (larger ones are the system's)"
AMOUNT = "a whole number such as 1, or a share such as 50%"
NAME = "a name of lower-case letters, digits, - and _ (first a letter or digit)"
LAW = (
    "a law: 20ms (constant), {exponential: 20ms}, {lognormal: {mean: 20ms, cv: 0.5}} "
    "or {uniform: {low: 1s, high: 3s}}"
)

MOST_CHARACTERS = 10_000  # of one text: chosen, some pages
LONGEST = 400  # characters of a quantity; Python turns text of more digits down itself
_DURATION = re.compile(r"(\d+(\.\d+)?(us|µs|ms|s|m|h|d|w))+")
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(s|sec|second|min|minute|m|h|hour)")
_PER_SECONDS = {"s": 1.0, "sec": 1.0, "second": 1.0, "h": 3600.0, "hour": 3600.0}
_QUANTITY = re.compile(r"(\d+(?:\.\d*)?|\.\d+)([a-zA-Z]*)")
_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50}
_DECIMAL = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}


def parse_duration(text: str) -> float:
    """Seconds of `250ms`, `1h30m`, `90s`, `2d`, `0` (units as durationpy, without months)."""
    text = text.strip()
    if text == "0":
        return 0.0
    if not _DURATION.fullmatch(text):
        raise ValueError(DURATION)
    try:
        seconds = float(durationpy.from_str(text).total_seconds())
    except (OverflowError, durationpy.DurationError):
        raise ValueError(TOO_LONG) from None
    if seconds == 0 and any(digit in "123456789" for digit in text):
        raise ValueError("a duration of at least 1us, or 0")
    return seconds


def parse_rate(text: str) -> float:
    """Requests per second of `5/s`, `300/min`, `10/h`."""
    match = _RATE.fullmatch(text.strip())
    if not match:
        raise ValueError(RATE)
    return float(match[1]) / _PER_SECONDS.get(match[2], 60.0)


def parse_bytes(text: str) -> int:
    """Bytes of a Kubernetes quantity; a fraction of a byte rounds up, as there."""
    match = _QUANTITY.fullmatch(text.strip()) if len(text) <= LONGEST else None
    scale = {**_DECIMAL, **_BINARY}.get(match[2]) if match else None
    if match is None or scale is None:
        raise ValueError(BYTES)
    if not match[2] and not match[1].isdigit():
        raise ValueError(BYTES)
    return math.ceil(fractions.Fraction(match[1]) * scale)  # a float would lose bytes above 2**53


def parse_cores(text: str) -> float:
    """Cores of `500m` (thousandths), `2`, `0.5`."""
    match = _QUANTITY.fullmatch(text.strip())
    if not match or match[2] not in ("", "m"):
        raise ValueError(CORES)
    return float(match[1]) / (1000.0 if match[2] else 1.0)


def parse_ratio(text: str) -> float:
    """`2%` or `0.02`."""
    body, percent = text.strip().removesuffix("%").strip(), text.strip().endswith("%")
    if not re.fullmatch(r"\d+(\.\d*)?|\.\d+", body):
        raise ValueError(RATIO)
    return float(body) / (100.0 if percent else 1.0)


# --- the annotated types --------------------------------------------------------------------------


def is_from_text(info: ValidationInfo) -> bool:
    """Is it a file or a command line that is validated, and no record of a program?"""
    return bool(info.context and info.context.get("from_text"))


def is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _within(value: float, expected: str, within: Bounds) -> None:
    """Refuse what is no number from 0 up to the bound; integers may have any number of digits."""
    if not value >= 0:  # NaN too
        refuse(expected)
    if value > within.most:
        refuse(f"{expected}, {within.excess(value)}")


def _measure(
    parse: Callable[[str], float], expected: str, within: Bounds, *, bare: bool, unit: str
) -> Any:
    """Validator of a number with a unit. `bare`: numbers may stand without one in files too."""

    def read(value: Any, info: ValidationInfo) -> float:
        if isinstance(value, str):
            try:
                number = parse(value)
            except ValueError as error:
                refuse(str(error), _nearest_unit(value, unit))
            _within(number, expected, within)
            return number
        if not is_number(value):
            refuse(expected)
        _within(value, expected, within)
        if value and not bare and is_from_text(info):
            refuse(f"{expected}: the unit is missing", f"{value}{unit}")
        return float(value)

    return BeforeValidator(read)


def _nearest_unit(text: str, unit: str) -> str:
    """A guess at what was meant: the unit that a bare number lacks, a sign too many."""
    body = text.strip().removeprefix("-").strip()
    if unit and re.fullmatch(r"\d+(\.\d+)?", body):
        return f"{body}{unit}"
    return body if text.strip().startswith("-") and body[:1].isdigit() else ""


def _read_bytes(value: Any) -> int:
    if isinstance(value, str):
        try:
            value = parse_bytes(value)
        except ValueError as error:
            match = re.fullmatch(r"([\d.]+)\s*([kKMGT])(i?)[bB]?", value.strip())
            refuse(str(error), _bytes_hint(match) if match else _nearest_unit(value, ""))
    if isinstance(value, bool) or not isinstance(value, int):
        refuse(BYTES)
    _within(value, BYTES, bounds.BYTES)
    return value


def _bytes_hint(match: re.Match[str]) -> str:
    number, letter = match[1], match[2].upper()
    decimal = "k" if letter == "K" else letter
    binary = f"{number}{letter}i (powers of 1024)"
    return binary if match[3] else f"{binary} or {number}{decimal} (powers of 1000)"


def _read_count(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    number = _whole(value, r"\d{1,18}", COUNT)
    _within(number, COUNT, bounds.COUNT)
    return number


def _whole(value: Any, written: str, expected: str) -> int:
    """A whole number, or a text of the pattern `written`."""
    if isinstance(value, str) and re.fullmatch(written, value.strip()):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        refuse(expected)
    return value


def _read_amount(value: Any) -> int | float:
    """An int is a number of things, a float a share of them (`50%` or `0.5`)."""
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            value = parse_ratio(value)
        except ValueError:
            refuse(AMOUNT)
    if not is_number(value):
        refuse(AMOUNT)
    if isinstance(value, float) and value > 1:
        refuse(AMOUNT, _as_percent(value))
    _within(value, AMOUNT, bounds.COUNT)
    return value


def _read_priority(value: Any) -> int:
    """What a PriorityClass of one's own may say; more is the system's (kubernetes/kubernetes
    pkg/apis/scheduling/types.go HighestUserDefinablePriority)."""
    number = _whole(value, r"-?\d{1,18}", PRIORITY)
    if not LEAST_PRIORITY <= number <= MOST_PRIORITY:
        refuse(PRIORITY)
    return number


def _where(
    fits: Callable[[Any], bool], expected: str, nearest: Callable[[Any], str] = lambda _: ""
) -> AfterValidator:
    """A value that a rule admits; `nearest`: what one that it does not may have meant."""

    def read(value: Any) -> Any:
        if not fits(value):
            refuse(expected, nearest(value))
        return value

    return AfterValidator(read)


def at_most(within: Bounds) -> AfterValidator:
    """The validator of a measure with a tighter upper bound than its kind has."""
    return _where(lambda value: value <= within.most, within.excess(math.inf))


def _as_percent(value: float) -> str:
    return f"{value:g}%" if value <= 100 else ""


def _read_text(value: Any) -> str:
    if not isinstance(value, str):
        refuse("text (put it in quotes)", f"'{value}'" if is_number(value) else "")
    character = strange(value)
    if character:
        refuse(f"text that can be shown, without the character {character}")
    if len(value) > MOST_CHARACTERS:
        refuse(f"text of at most {MOST_CHARACTERS} characters")
    return value


def _on_one_line(value: str) -> str:
    return " ".join(value.split()) if "\n" in value or "\t" in value else value


def _read_figure(value: Any) -> float:
    if not is_number(value) or not abs(value) <= bounds.FIGURE.most:
        refuse(f"a number from -{bounds.FIGURE.written} to {bounds.FIGURE.written}")
    return float(value)


def _read_files(value: Any) -> Any:
    """One path stands for a list of it."""
    return [value] if isinstance(value, str) else [] if value is None else value


def _read_name(value: Any) -> str:
    if not isinstance(value, str):
        refuse(NAME, f"'{value}' in quotes" if is_number(value) else "")
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", value):
        guess = re.sub(r"[^a-z0-9_-]+", "-", value.lower()).strip("-_")
        refuse(NAME, guess)
    return value


def _read_asked(value: Any) -> str:
    names = value.split("/", 1) if isinstance(value, str) else [value]
    return "/".join(map(_read_name, names))


Text = Annotated[str, BeforeValidator(_read_text)]  # what people read
Line = Annotated[Text, AfterValidator(_on_one_line)]
Files = Annotated[list[Text], BeforeValidator(_read_files)]  # paths
Note = Annotated[str, AfterValidator(printable)]  # ours, with words of somebody's in it
Title = Annotated[Line, _where(str.strip, "text that is not empty")]
# seconds
Duration = Annotated[
    float, _measure(parse_duration, DURATION, bounds.DURATION, bare=False, unit="s")
]
_ABOVE_ZERO = _where(lambda number: number > 0, "more than 0")
Span = Annotated[Duration, _ABOVE_ZERO]  # a duration that cannot be 0
Horizon = Annotated[Span, at_most(bounds.HORIZON)]
_PERIOD = f"a period of at least {bounds.PERIOD.least:g}s"
# something looks once in it
Interval = Annotated[Duration, _where(lambda seconds: seconds >= bounds.PERIOD.least, _PERIOD)]
# requests per second
Rate = Annotated[float, _measure(parse_rate, RATE, bounds.RATE, bare=False, unit="/s")]
Bytes = Annotated[int, BeforeValidator(_read_bytes)]
Cores = Annotated[float, _measure(parse_cores, CORES, bounds.CORES, bare=True, unit="")]
CoresAtMost = Annotated[Cores, _ABOVE_ZERO]  # a limit, which cannot be 0
Ratio = Annotated[float, _measure(parse_ratio, RATIO, bounds.RATIO, bare=True, unit="")]
Factor = Annotated[Ratio, _ABOVE_ZERO]
Fraction = Annotated[Ratio, _where(lambda share: share <= 1, FRACTION, _as_percent)]
# a target; autoscaling/v2 types.go: averageUtilization is an int32 above 0
_WHOLE_PERCENT = "at least 1%, since autoscalers count in whole percents"
Utilisation = Annotated[Ratio, _where(lambda target: target >= 0.01, _WHOLE_PERCENT)]
Amount = Annotated[int | float, BeforeValidator(_read_amount)]  # int: so many; float: a share
# US dollars
Money = Annotated[float, _measure(parse_ratio, MONEY, bounds.MONEY, bare=True, unit="")]
Count = Annotated[int, BeforeValidator(_read_count)]
Positive = Annotated[Count, _where(lambda n: n >= 1, "a whole number of at least 1")]
MOST = at_most(bounds.FLEET)
Fleet = Annotated[Count, MOST]  # so many replicas or servers
Crew = Annotated[Positive, at_most(bounds.PEOPLE)]  # people on call
Tries = Annotated[Positive, at_most(bounds.TRIES)]  # of one call or job
Limit = Annotated[float, BeforeValidator(_read_figure)]  # a bound on one of summary.json
Priority = Annotated[int, BeforeValidator(_read_priority)]
Port = Annotated[int, _where(lambda port: 1 <= port <= 65535, PORT), BeforeValidator(_read_count)]
Name = Annotated[str, BeforeValidator(_read_name)]
Asked = Annotated[str, BeforeValidator(_read_asked)]  # by users
Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]  # ids such as S1a


class LawSpec(Record):
    """A non-negative random time: `mean` in seconds, `cv` = deviation / mean.

    Files write `20ms` (constant), `{exponential: 20ms}`, `{lognormal: {mean: 20ms, cv: 0.5}}` or
    `{uniform: {low: 1s, high: 3s}}`. `LawSpec()` is always 0.
    """

    law: Literal["constant", "exponential", "lognormal", "uniform"] = "constant"
    mean: Duration = 0.0
    cv: Annotated[float, Field(ge=bounds.DEVIATION.least, le=bounds.DEVIATION.most)] = 0.0

    @model_validator(mode="wrap")
    @classmethod
    def _from_short_forms(
        cls, value: Any, handler: ModelWrapValidatorHandler[LawSpec], info: ValidationInfo
    ) -> LawSpec:
        if isinstance(value, dict):
            if set(value) <= {"law", "mean", "cv"} and (value or not is_from_text(info)):
                return handler(value)  # the record's own form, as `model_dump` gives it
            return _uniform(value, info) if "uniform" in value else handler(_long_form(value))
        return handler(value if isinstance(value, cls) else {"mean": value})


def _long_form(value: dict[str, Any]) -> dict[str, Any]:
    """{"exponential": "20ms"} -> {"law": "exponential", "mean": "20ms", "cv": 1.0}"""
    law, body = next(iter(value.items())) if len(value) == 1 else ("", None)
    if law == "lognormal" and isinstance(body, dict) and set(body) == {"mean", "cv"}:
        return {"law": law, **body}
    if law in ("constant", "exponential") and not isinstance(body, dict | list):
        return {"law": law, "mean": body, "cv": 1.0 if law == "exponential" else 0.0}
    return refuse(LAW)


class _Range(Record):
    low: Duration
    high: Duration


def _uniform(value: dict[str, Any], info: ValidationInfo) -> LawSpec:
    if len(value) != 1:
        refuse(LAW)
    span = _Range.model_validate(value["uniform"], context=info.context)
    if span.high < span.low:
        refuse("a uniform law whose low is not above its high")
    mean = (span.low + span.high) / 2
    cv = (span.high - span.low) / (2 * math.sqrt(3) * mean) if mean else 0.0
    return LawSpec(law="uniform", mean=mean, cv=cv)

"""Units: what people write is read back as what it means, or refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from sim.schema.fields import (
    FROM_TEXT,
    Bytes,
    Cores,
    Count,
    Duration,
    Fleet,
    Fraction,
    InputError,
    Issue,
    LawSpec,
    Name,
    Rate,
    Ratio,
    parse_bytes,
    parse_cores,
    parse_duration,
    parse_rate,
    parse_ratio,
)
from sim.schema.scenario import Version

WHOLE = st.integers(min_value=0, max_value=10**6)
UNITS_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
POWERS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
POWERS |= {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def from_text(kind: object, value: object) -> object:
    return TypeAdapter(kind).validate_python(value, context=FROM_TEXT)


@given(WHOLE, st.sampled_from(sorted(UNITS_S)))
def test_a_duration_is_number_times_unit(number: int, unit: str) -> None:
    assert parse_duration(f"{number}{unit}") == pytest.approx(number * UNITS_S[unit], abs=1e-9)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_parts_of_a_duration_add_up(hours: int, minutes: int, seconds: int, millis: int) -> None:
    text = f"{hours}h{minutes}m{seconds}s{millis}ms"
    expected = hours * 3600 + minutes * 60 + seconds + millis / 1000
    assert parse_duration(text) == pytest.approx(expected, abs=1e-9)


@given(st.text(max_size=12))
def test_no_text_makes_a_parser_fail_otherwise(text: str) -> None:
    for parse in (parse_duration, parse_rate, parse_bytes, parse_cores, parse_ratio):
        try:
            value: float = parse(text)
        except ValueError:
            value = 0.0  # refused
        assert 0 <= value < math.inf


@given(st.integers(0, 10**9), st.sampled_from(sorted(POWERS)))
def test_bytes_are_exact(number: int, suffix: str) -> None:
    assert parse_bytes(f"{number}{suffix}") == number * POWERS[suffix]


@given(st.integers(0, 10**6), st.integers(0, 999), st.sampled_from(["Ki", "Mi", "Gi"]))
def test_a_fraction_of_bytes_rounds_up(whole: int, thousandths: int, suffix: str) -> None:
    exact = (whole * 1000 + thousandths) * POWERS[suffix]
    assert parse_bytes(f"{whole}.{thousandths:03d}{suffix}") == -(-exact // 1000)


@given(WHOLE)
def test_cores_and_thousandths(number: int) -> None:
    assert parse_cores(f"{number}m") == number / 1000
    assert parse_cores(str(number)) == number


@given(WHOLE, st.sampled_from([("s", 1), ("min", 60), ("h", 3600)]))
def test_rates_per_second(number: int, unit: tuple[str, int]) -> None:
    assert parse_rate(f"{number}/{unit[0]}") == number / unit[1]


@given(st.integers(0, 100))
def test_percent(number: int) -> None:
    assert from_text(Fraction, f"{number}%") == number / 100
    assert from_text(Fraction, number / 100) == number / 100


@given(st.floats(0, 1e9), st.floats(0, 10))
def test_laws_survive_a_dump(mean: float, cv: float) -> None:
    law = LawSpec(law="lognormal", mean=mean, cv=cv)
    assert LawSpec.model_validate(law.model_dump()) == law
    assert LawSpec.model_validate_json(law.model_dump_json()) == law


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_uniform_law_has_its_bounds(one: int, two: int) -> None:
    low, high = sorted((one, two))
    law = from_text(LawSpec, {"uniform": {"low": f"{low}ms", "high": f"{high}ms"}})
    assert isinstance(law, LawSpec)
    half = law.cv * math.sqrt(3) * law.mean
    assert law.mean - half == pytest.approx(low / 1000, abs=1e-6)
    assert law.mean + half == pytest.approx(high / 1000, abs=1e-6)


def test_the_forms_of_a_law() -> None:
    assert from_text(LawSpec, "20ms") == LawSpec(mean=0.02)
    assert from_text(LawSpec, 0) == LawSpec()
    assert from_text(LawSpec, {"constant": "20ms"}) == LawSpec(mean=0.02)
    exponential = LawSpec(law="exponential", mean=0.02, cv=1.0)
    assert from_text(LawSpec, {"exponential": "20ms"}) == exponential
    lognormal = {"lognormal": {"mean": "2s", "cv": 0.5}}
    assert from_text(LawSpec, lognormal) == LawSpec(law="lognormal", mean=2.0, cv=0.5)


@pytest.mark.parametrize(
    "value",
    [
        *(5, {}, [1], {"normal": "1s"}, {"exponential": {"mean": "1s"}}),
        *({"uniform": {"low": "1s"}}, {"mean": "1s", "sd": 1}),
        {"uniform": {"low": "1s", "high": "2s"}, "mean": "1s"},
        {"lognormal": {"mean": "1s", "cv": -1}},
        {"lognormal": {"mean": "1s", "cv": math.nan}},
    ],
)
def test_laws_that_are_none(value: object) -> None:
    with pytest.raises(ValidationError):
        from_text(LawSpec, value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *((Duration, text) for text in ("5", "-1s", "3mm", "1e3s", "", "0.0000001s")),
        *((Duration, value) for value in (5, math.nan, True, None)),
        *((Rate, value) for value in (3, "3", "-3/s", "3/year", math.inf)),
        *((Bytes, value) for value in ("512MB", "1.5", "1m", -1, 1.0, True)),
        *((Cores, value) for value in ("1k", "x", -1)),
        *((Fraction, value) for value in (2, "101%")),
        (Ratio, -0.1),
        *((Count, value) for value in ("512MB", -1, 2.5, True, None)),
        *((Fleet, value) for value in (-1, 10_001)),
        *((Name, value) for value in ("Api", "-api", "", "a.b", 5)),
    ],
)
def test_what_units_refuse(kind: object, value: object) -> None:
    with pytest.raises(ValidationError):
        from_text(kind, value)


def test_python_code_passes_plain_numbers() -> None:
    assert TypeAdapter(Duration).validate_python(2.5) == 2.5
    assert TypeAdapter(Rate).validate_python(3) == 3.0
    with pytest.raises(ValidationError):
        TypeAdapter(Duration).validate_python(-1.0)


def test_an_issue_reads_as_one_line() -> None:
    issue = Issue("a.yaml", 12, 5, "events.0.at", "'-5m'", "a duration", "5m")
    assert str(issue) == (
        "a.yaml:12:5: events.0.at: found '-5m'; expected a duration; did you mean 5m?"
    )
    assert str(Issue(field="platform", found="'x'")) == "platform: found 'x'"
    assert str(InputError(issues=[issue, issue])) == f"{issue}\n{issue}"
    assert InputError("f", found="x").issues == (Issue("f", found="x"),)


def test_versions_are_equal_by_all_that_they_change() -> None:
    """A thousand replicas are compared at each change of one: most by two of the fields."""
    one, same = Version(name="v1"), Version(name="v1")
    restarted = one.model_copy(update={"restarted": 1})
    others = [Version(name="v2"), Version(name="v1", error_rate=0.5), restarted, "v1"]
    assert one == same
    assert {one: "found"}[same] == "found"
    assert all(one != other for other in others)
    assert restarted.image == one


def test_where_the_nearest_is_named_a_long_list_is_cut() -> None:
    names = ", ".join(f"name_{k}" for k in range(40))
    said = str(Issue(field="--set", found="'nam'", expected=f"one of {names}", nearest="name_7"))
    assert said.endswith(", ...; did you mean name_7?")
    assert len(said) < 130
    assert str(Issue(found="'x'", expected=f"one of {names}")).endswith("name_39")

"""Times as logs write them, to seconds since 1970. Without a zone they are UTC."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

LATEST_S = 253402300800.0  # the end of the year 9999, as far as ISO 8601 writes four digits
LONGEST_STAMP = len("2000-10-10T13:55:36.123456789+07:00:00.000000")
_LOG = re.compile(
    r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?(?: ([+-]\d\d)(\d\d))?"
)
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
# what whole numbers of so many digits count in: 2001 to 2286 of each
_COUNTED = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))


def number(text: object) -> float | None:
    """A finite number as people write it, or None."""
    try:
        value = float(text)  # type: ignore[arg-type]
    except (ValueError, TypeError, OverflowError):
        return None
    return value if math.isfinite(value) and "_" not in str(text) else None


def stamp(text: str) -> float | None:
    """Seconds of a number (of s, ms, us or ns by its size; not negative), an ISO 8601 time, or a
    log's time `10/Oct/2000:13:55:36 -0700`; None for anything else."""
    if text[:1].isdigit() or text[:1] in "+.":
        value = number(text)
        if value is not None:
            value /= next((unit for least, unit in _COUNTED if value >= least), 1.0)
            return value if 0 <= value <= LATEST_S else None
        if len(text) > LONGEST_STAMP:  # Python reads any number of digits as fractions of a second
            return None
        return _moment(text) if text[2:3] != "/" else log_stamp(text)
    return None


def _moment(text: str) -> float | None:
    try:
        when = datetime.fromisoformat(text.replace("/", "-") if text[4:5] == "/" else text)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def log_stamp(text: str) -> float | None:
    """Of `10/Oct/2000:13:55:36 -0700`, also with milliseconds or without a zone."""
    match = _LOG.fullmatch(text)
    if match is None or match[2] not in _MONTHS:
        return None
    month = _MONTHS.index(match[2]) + 1
    zone = f"{match[6]}:{match[7]}" if match[6] else "+00:00"
    fraction = f".{match[5]}" if match[5] else ""
    return _moment(f"{match[3]}-{month:02d}-{match[1]}T{match[4]}{fraction}{zone}")


def written(seconds: float) -> str:
    """`2025-03-01 08:00:00 UTC`; what counts from no date as seconds."""
    if seconds < 1e8:  # chosen: before 1973 nobody kept a log of requests
        return f"second {seconds:g}"
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"

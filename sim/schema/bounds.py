"""How large a number may be, by its kind, and how short a period.

Upper bounds keep both engines exact: the kernel counts in 64 bits, floats are whole up to 2**53,
and sums of what is allowed stay far below either. Nobody publishes such bounds; where a real
system has a tighter one, its field says so (`at_most`). A period has a floor because something
looks once a period: a microsecond is never done.
"""

from __future__ import annotations

from typing import NamedTuple

YEAR_S = 365 * 86400.0


class Bounds(NamedTuple):
    """The least and the most of a kind of number, and the most as people write it."""

    least: float
    most: float
    written: str

    def excess(self, number: float) -> str:
        """What a message expects instead of a number above all that is allowed; else nothing."""
        return f"at most {self.written}" if number > self.most else ""


# chosen, all of them
DURATION = Bounds(0.0, 100 * YEAR_S, "100 years")
HORIZON = Bounds(0.0, YEAR_S, "one year (365d)")
PERIOD = Bounds(0.1, 100 * YEAR_S, "100 years")  # a tenth of the shortest that is any default
BYTES = Bounds(0, 2**53, "8Pi (2**53 bytes)")
COUNT = Bounds(0, 10**9, "1000000000 (10**9)")
FLEET = Bounds(0, 10_000, "10,000, the most that is simulated")  # replicas, servers
SCHEDULED = Bounds(0, 10_000, "10,000")  # jobs of one moment: what the engines have room for
PEOPLE = Bounds(0, 100, "100")  # on call at one time
PREFETCH = Bounds(0, 65535, "65535, the most that AMQP 0-9-1 can say")
TRIES = Bounds(0, 100, "100")  # of one call or job by a machine: more, and it never gives up
CORES = Bounds(0.0, 1e6, "1000000")
KEYS = Bounds(1, 1 << 17, "131072")  # of a cache: what the engines have room for
RATE = Bounds(0.0, 1e9, "1000000000/s")
RATIO = Bounds(0.0, 1e6, "1000000")
DEVIATION = Bounds(0.0, 100.0, "100")  # of a law, in means
MONEY = Bounds(0.0, 1e9, "1000000000")
FIGURE = Bounds(-1e15, 1e15, "1e15")  # what a claim or a goal says of one of summary.json
SENTINELS = Bounds(1, 3, "3")  # there are as many

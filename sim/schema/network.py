"""What may happen to zones and to the network between servers; and what every event has."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from sim.schema.fields import Fraction, LawSpec, Name, Record, Span

Nature = Literal["trouble", "users", "means", "hands"]


class Happening(Record):
    """A kind of event. Its nature, told once: it sets trouble off (a fault, a change, planned
    work), is how users come, adds means (servers, replicas, cores), or is what people do at any
    time to mend what is there."""

    nature: ClassVar[Nature] = "trouble"

    def __init_subclass__(cls, nature: Nature | None = None, **config: Any) -> None:
        super().__init_subclass__(**config)
        cls.nature = nature or cls.nature


class ZoneDown(Happening):
    """All servers of a zone are lost at once: power, or its network. Without `lasts` for good, and
    their own disks with them."""

    zone: Name
    lasts: Span | None = None


class Sides(Happening):
    """Two sides of the network, each of zones, servers (`server-2`), services (the servers that
    they run on then), `internet` (users, what others run, people by SSH) and `control_plane`."""

    side: list[Name]
    other_side: list[Name] = []  # default: all the rest
    lasts: Span | None = None


class Partition(Sides):
    """Nothing passes between two sides, and nobody is told: connections are neither refused nor
    reset, and servers that the control plane finds silent run on."""

    one_way: bool = False  # what the first side sends is lost, what it is sent arrives


class PacketLoss(Sides):
    """A share of the packets between two sides is lost, and sent again by TCP."""

    share: Fraction
    one_way: bool = False


class MendedByHand(Happening, nature="hands"):
    """Somebody mends what is cut or loses packets, before its `lasts`: with a side that meets one
    of these (as of a partition), or all of it."""

    side: list[Name] = []


class Latency(Sides):
    """Round trips between two sides are longer for a while; within a zone that is named on both
    sides, and between all servers where none is named. `internet`: users' own; `control_plane` is
    no side of it."""

    round_trip: LawSpec
    side: list[Name] = []
    lasts: Span

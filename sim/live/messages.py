"""What a page may send, one record a kind; anything else is told in one line and does nothing."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, TypeAdapter, ValidationError

from sim.live.incident import MOST_DEEDS, Deed, Opening
from sim.schema.fields import InputError, Record

MOST_BYTES = 65_536  # of one message: a link with all its deeds


class Begin(Record):
    """Another incident, or the same one from a link, as far as it had come."""

    do: Literal["open"]
    opening: Opening
    deeds: Annotated[tuple[Deed, ...], Field(max_length=MOST_DEEDS)] = ()
    at: Annotated[float, Field(ge=0)] = 0.0


class Take(Record):
    """You are the operator of this platform from now on; of none: the modelled one is."""

    do: Literal["take"]
    platform: Annotated[str, Field(max_length=80)] | None = None


class Press(Record):
    do: Literal["run", "pause", "jump"]


class Speed(Record):
    do: Literal["speed"]
    times: Annotated[float, Field(ge=0.1, le=600)]


class Go(Record):
    """To a time: back, or on."""

    do: Literal["go"]
    to: Annotated[float, Field(ge=0)]


class Act(Record):
    do: Literal["act"]
    event: Annotated[dict[str, JsonValue], Field(min_length=1, max_length=1)]


class Type(Record):
    do: Literal["type"]
    line: Annotated[str, Field(max_length=200)]


class Predict(Record):
    """The answers to the room's questions, as numbers of their options."""

    do: Literal["predict"]
    choices: Annotated[tuple[Annotated[int, Field(ge=0, lt=20)], ...], Field(max_length=20)]


class Teach(Record):
    """Of the board alone: everybody pauses, goes on, sees the answers."""

    do: Literal["all_pause", "all_run", "reveal"]


Message = Begin | Take | Press | Speed | Go | Act | Type | Predict | Teach
_MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="do")])


def read(text: str) -> Message:
    """The message that a page has sent. `InputError` for what is none."""
    try:
        return _MESSAGE.validate_json(text)
    except ValidationError as error:
        first: Any = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        expected = first["msg"]
        raise InputError(field=field, found="no message", expected=expected) from None

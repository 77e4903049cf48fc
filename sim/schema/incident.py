"""An outage of the public record, as a scenario of it says whose it was."""

from __future__ import annotations

from sim.schema.fields import Line, Record, Text


class PublicIncident(Record):
    """An outage that its owner has told in public, and how far a scenario is that day."""

    who: Line
    date: Line  # 2017-01-31
    source: Line  # the address at which the owner tells it
    mechanism: Text  # what happened, in our own words
    simplified: Text  # what of it is left out, or stands for something else
    fitted: list[Line] = []  # of `set` and `events`: chosen so that the day's figures come out

    def told(self, lesson: str) -> str:
        """What a report says of the scenario: what happened and where it stands, and the lesson."""
        day = f"{self.who}, {self.date}: {self.mechanism} ({self.source})"
        return f"{day} {lesson} Simplified: {self.simplified}"

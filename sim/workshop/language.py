"""The languages of the workshop: texts are data, `languages/LANGUAGE.yaml` for what commands print
and `languages/LANGUAGE/*.yaml` for the challenges, under the names of their files.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sim.schema.fields import Record
from sim.schema.text.document import read_yaml
from sim.schema.text.files import read_text
from sim.schema.text.validation import option, read_file

FOLDER = Path(__file__).resolve().parent / "languages"
ENGLISH = "en"


class Phrases:
    """What the commands print in one language, by key."""

    def __init__(self, language: str = ENGLISH) -> None:
        """InputError for a language that nobody has written."""
        if language not in languages():
            raise option("language").unknown(language, languages(), language)
        self.language = language
        self.texts = _texts(language)

    def __call__(self, key: str, **values: object) -> str:
        return self.texts[key].format(**values)


class Translation(Record):
    """The texts of a challenge in another language; `may` and `goals` as the challenge has them."""

    title: str
    story: str
    may: dict[str, str]
    goals: list[str]
    hints: list[str]
    lesson: str


@cache
def languages() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def translation(name: str, language: str) -> Translation | None:
    """Of the challenge in the file of that name; None if it is not translated."""
    path = FOLDER / language / name
    if not path.is_file():
        return None
    return read_file(Translation, path, path.name)


@cache
def _texts(language: str) -> dict[str, str]:
    path = FOLDER / f"{language}.yaml"
    return dict(read_yaml(read_text(path, path.name), path.name).data)

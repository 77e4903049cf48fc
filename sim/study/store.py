"""A folder that keeps what a study has finished, a line a replication, from the moment it ended.

`replications.jsonl` is only ever added to: a process may be killed at any time, and nothing that
was finished is lost. A line that was cut short is the last one, and is computed again. Whole runs
are not kept: those that a report shows are replayed, and must give the figures that stand here.
One study at a time writes into a folder; several machines use one each, and `Result.merge`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sim.results.summary import Replication
from sim.schema.fields import InputError
from sim.study.task import Task

FILE = "replications.jsonl"
OURS = "a folder that an earlier --store has written, or an empty one"


class Store:
    """The folder, open. `keys`: of each task's case; `plan`: of all of them."""

    def __init__(self, folder: Path, plan: str, tasks: Sequence[Task], keys: Sequence[str]) -> None:
        self.folder, self.plan = folder, plan
        self.tasks, self.keys = tasks, keys
        self.places = {(key, t.seed): i for i, (t, key) in enumerate(zip(tasks, keys, strict=True))}
        self.known: dict[int, Replication] = {}  # by index of the task
        self.file: BinaryIO | None = None

    def __enter__(self) -> Store:
        """Read what is there. Raises `InputError` for what is none of ours, or another plan's."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            strange = sorted(set(os.listdir(self.folder)) - {FILE})
            if strange:
                raise self._error(f"{self.folder} with {strange[0]}", OURS)
            self.file = (self.folder / FILE).open("a+b")
        except OSError as error:
            found = f"{self.folder} ({error.strerror})"
            raise self._error(found, "a folder that can be written") from None
        self._read(self.file)
        return self

    def __exit__(self, *_: object) -> None:
        assert self.file is not None, "entered"
        self.file.close()

    def add(self, index: int, replication: Replication) -> None:
        """A line, on the disk before this returns. What stands there already must be the same."""
        earlier = self.known.get(index)
        if earlier is not None:
            if earlier.figures != replication.figures:
                found = f"other figures of {self.tasks[index]} than this program gives"
                raise self._error(found, "a store that this program wrote, on such a machine")
            return
        assert self.file is not None, "entered"
        record = {"plan": self.plan, "case": self.keys[index], **_record(replication)}
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        try:
            self.file.write(line)
            self.file.flush()
            os.fsync(self.file.fileno())
        except OSError as error:
            found = f"{self.folder} ({error.strerror})"
            raise self._error(found, "room for one more line") from None

    def _read(self, file: BinaryIO) -> None:
        file.seek(0)
        whole = 0  # bytes of lines that are whole
        lines = file.read().splitlines(keepends=True)
        for number, line in enumerate(lines, 1):
            try:
                if not line.endswith(b"\n"):
                    raise ValueError("cut short")
                record = json.loads(line)
                self._take(record)
            except (ValueError, KeyError, TypeError):
                if number < len(lines):
                    where = str(self.folder / FILE)
                    found = "a line that is none of a store's"
                    raise InputError(where, number, found=found, expected=OURS) from None
                break
            whole += len(line)
        file.truncate(whole)

    def _take(self, record: Mapping[str, Any]) -> None:
        if record["plan"] != self.plan:
            raise self._other(record)
        replication = _replication(record)
        place = self.places.get((record["case"], replication.seed))
        if place is not None:
            self.known[place] = replication
        elif replication.platform in {task.case.platform for task in self.tasks} and (
            record["case"] not in self.keys
        ):
            raise self._other(record)

    def _other(self, record: Mapping[str, Any]) -> InputError:
        found = f"{self.folder} with runs of another plan ({record['plan']})"
        name = self.tasks[0].case.name
        expected = f"runs of this one ({self.plan}): {name} with the same settings, stack, "
        return self._error(found, f"{expected}platform files and version; or an empty folder")

    def _error(self, found: str, expected: str) -> InputError:
        return InputError(field="store", found=found, expected=expected)


def _record(replication: Replication) -> dict[str, Any]:
    bins = np.flatnonzero(replication.latency)
    return {
        "platform": replication.platform, "seed": replication.seed, "engine": replication.engine,
        "slo_held": bool(replication.slo_held), "figures": replication.figures,
        "latency": [len(replication.latency), bins.tolist(), replication.latency[bins].tolist()],
        "latency_max_s": float(replication.latency_max_s),
    }  # fmt: skip


def _replication(record: Mapping[str, Any]) -> Replication:
    size, bins, counts = record["latency"]
    latency = np.zeros(size, dtype=np.int64)
    latency[bins] = counts
    return Replication(
        platform=record["platform"], seed=record["seed"], engine=record["engine"],
        slo_held=record["slo_held"], figures=record["figures"], latency=latency,
        latency_max_s=record["latency_max_s"],
    )  # fmt: skip

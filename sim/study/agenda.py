"""What of a batch is left to do, and what has been done."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping

from sim.results.summary import Replication

Filed = Callable[[int, Replication], None]
Enough = Callable[[Mapping[int, Replication]], bool]


class Agenda:
    """Tasks by their index. `file` is told of each that is finished; once `enough` says so,
    nothing is left."""

    def __init__(
        self, left: Iterable[int], finished: dict[int, Replication], file: Filed, enough: Enough
    ) -> None:
        self.left = deque(left)
        self.dangerous: deque[int] = deque()  # a process has died of each: never for this one
        self.finished = finished
        self.file, self.enough = file, enough
        self.over = enough(finished)

    def take(self) -> int | None:
        """The next task for another process; None if there is none."""
        if self.over:
            return None
        queue = self.left or self.dangerous
        return queue.popleft() if queue else None

    def take_here(self, last: bool) -> int | None:
        """The next task for this process: from the end, unless their order decides."""
        if self.over or not self.left:
            return None
        return self.left.pop() if last else self.left.popleft()

    def finish(self, index: int, done: Replication) -> None:
        self.finished[index] = done
        self.file(index, done)
        self.over = self.over or self.enough(self.finished)

    @property
    def open(self) -> bool:
        """Is there anything that nobody has begun?"""
        return not self.over and bool(self.left or self.dangerous)

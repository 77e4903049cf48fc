"""A second machine on this one: a network namespace of its own, on a cable that can be cut.

Cut, both ends send to an address of the link that nobody has: packets are lost and nobody is told,
as behind a dead switch; nothing is refused and no connection ends. Needs root and iproute2's `ip`;
the addresses are of the block for benchmarks (RFC 2544), and all of it ends with the namespace.
"""

from __future__ import annotations

import os
import shutil
import subprocess

HERE, THERE = "198.18.77.1", "198.18.77.2"
NOBODY = "02:00:00:00:00:00"  # locally administered, and no card's


def possible() -> bool:
    """May this user make one?"""
    return os.geteuid() == 0 and shutil.which("ip") is not None


class Second:
    """It is there from the moment it is made, until `close`."""

    def __init__(self) -> None:
        self.name = f"real{os.getpid()}"
        self.ends = f"{self.name}a", f"{self.name}b"
        here, there = self.ends
        self.ip("netns", "add", self.name)
        self.ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", self.name)
        self.ip("address", "add", f"{HERE}/30", "dev", here)
        self.ip("link", "set", here, "up")
        for words in (
            ("address", "add", f"{THERE}/30", "dev", there),
            ("link", "set", there, "up"),
            ("link", "set", "lo", "up"),
        ):
            self.ip("-n", self.name, *words)

    @staticmethod
    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)

    def inside(self, words: list[str]) -> list[str]:
        """The same program, there."""
        return ["ip", "netns", "exec", self.name, *words]

    def cut(self) -> None:
        for far, words in self.neighbours():
            self.ip(*words, "replace", far, "lladdr", NOBODY, *self.on(far), "nud", "permanent")

    def mend(self) -> None:
        for far, words in self.neighbours():
            self.ip(*words, "delete", far, *self.on(far))

    def neighbours(self) -> list[tuple[str, tuple[str, ...]]]:
        """The other end's address, and where it is known by."""
        return [(THERE, ("neigh",)), (HERE, ("-n", self.name, "neigh"))]

    def on(self, far: str) -> tuple[str, str]:
        return "dev", self.ends[0] if far == THERE else self.ends[1]

    def close(self) -> None:
        """Once its programs have ended; the cable goes with either of its ends."""
        self.ip("link", "delete", self.ends[0])
        self.ip("netns", "delete", self.name)

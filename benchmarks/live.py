"""What a class costs: seats that all run, with frames as the page gets them, in one process.

    python benchmarks/live.py [--seats 30] [--seconds 10]

Each seat watches container_crash on two platforms at 60 times, four frames a second. Printed: the
share of one core that computing and writing their frames took, and the memory of the process.
"""

from __future__ import annotations

import argparse
import json
import resource
import time

from sim.live.incident import Opening
from sim.live.room import Room
from sim.live.seat import Feed

FRAMES_A_SECOND = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seats", type=int, default=30)
    parser.add_argument("--seconds", type=int, default=10)
    asked = parser.parse_args()
    opening = Opening(scenario="container_crash", platforms=("compose", "kubernetes"))
    names, platforms = frozenset({"container_crash"}), frozenset(opening.platforms)
    room = Room(opening, names, platforms)
    seats = [room.enter("", "", "", 0.0)[1].seat for _ in range(asked.seats)]
    feeds = [Feed() for _ in seats]
    for seat, feed in zip(seats, feeds, strict=True):
        seat.frame(feed)  # the first frame computes the incident
        seat.running, seat.times = True, 60.0
    began, size = time.process_time(), 0
    for _ in range(asked.seconds * FRAMES_A_SECOND):
        for seat, feed in zip(seats, feeds, strict=True):
            seat.tick(1 / FRAMES_A_SECOND)
            size += len(json.dumps(seat.frame(feed)))
    took = time.process_time() - began
    frames = asked.seconds * FRAMES_A_SECOND * asked.seats
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    share, kilobytes = took / asked.seconds, size / frames / 1024
    print(f"{asked.seats} seats: {share:.2f} of one core, {kilobytes:.1f} kB a frame")
    print(f"peak memory {memory:.0f} MiB")


if __name__ == "__main__":
    main()

"""One core of this machine that computes for many at once: processes that are pinned to it and
preferred to all other sessions' (which needs root), so that the kernel shares it among those who
compute, and others take next to nothing of it.

Each uses up exactly the CPU seconds that it is asked for, by its own clock of them; what it takes
to be asked and to answer is a part of that.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import time
from contextlib import suppress
from pathlib import Path

AT_ONCE = 64


class Core:
    """Its processes are there as soon as it is made, and end with their parent, which leaves the
    core to them."""

    def __init__(self) -> None:
        cores = os.sched_getaffinity(0)
        own = {max(cores)}
        with suppress(OSError):  # the kernel prefers sessions, or where it does not, processes
            os.setpriority(os.PRIO_PROCESS, 0, -20)
            Path("/proc/self/autogroup").write_text("-20")
        self.idle: asyncio.Queue[socket.socket] = asyncio.Queue()
        for _ in range(AT_ONCE):
            here, there = socket.socketpair()
            here.setblocking(False)
            if os.fork() == 0:
                here.close()
                os.sched_setaffinity(0, own)
                serve(there)
            there.close()
            self.idle.put_nowait(here)
        os.sched_setaffinity(0, cores - own or cores)

    async def compute(self, seconds: float) -> None:
        """Waits while they all compute."""
        process = await self.idle.get()
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(process, struct.pack("d", seconds))
        await loop.sock_recv(process, 1)
        self.idle.put_nowait(process)


def serve(asked: socket.socket) -> None:
    """Until nobody is there who could ask."""
    used = time.process_time()
    while words := asked.recv(8):
        until = used + struct.unpack("d", words)[0]
        while time.process_time() < until:
            pass
        used = time.process_time()
        with suppress(BrokenPipeError):
            asked.send(b".")
    os._exit(0)

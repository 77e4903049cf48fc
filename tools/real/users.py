"""Users who come whatever the state: at given instants, each asks once and waits so long."""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple

import numpy as np


class Answer(NamedTuple):
    """What became of a request. `status`: HTTP's, or 0 for none in time. `inside_s`: how long it
    had its place in the web server."""

    service: str
    status: int
    took_s: float
    inside_s: float = 0.0


def instants(rate: float, horizon_s: float, seed: int) -> list[float]:
    """A Poisson stream: seconds, in order."""
    rng = np.random.default_rng(seed)
    at_s = np.cumsum(rng.exponential(1 / rate, size=round(2 * rate * horizon_s) + 100))
    return [float(at) for at in at_s[at_s < horizon_s]]


async def ask(service: str, port: int, patience_s: float, path: str = "/") -> Answer:
    """One request on a connection of its own."""
    begin, status, inside_s = time.monotonic(), 0, 0.0
    writer = None
    try:
        async with asyncio.timeout(patience_s):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                f"GET {path} HTTP/1.1\r\nHost: voting\r\nConnection: close\r\n\r\n".encode()
            )
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            status = int(head.split()[1])
            inside_s = float(head.partition("\r\ninside: ")[2].partition("\r\n")[0] or 0)
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        pass
    finally:
        if writer is not None:
            writer.close()
    return Answer(service, status, time.monotonic() - begin, inside_s)


async def come(
    begin_s: float, at_s: list[float], services: list[str], ports: dict[str, int], patience_s: float
) -> list[Answer]:
    """All of them, from `begin_s` on the clock; ends when the last has its answer or gives up."""
    tasks = []
    for at, service in zip(at_s, services, strict=True):
        await asyncio.sleep(max(0.0, begin_s + at - time.monotonic()))
        tasks.append(asyncio.create_task(ask(service, ports[service], patience_s)))
    return await asyncio.gather(*tasks)

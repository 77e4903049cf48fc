"""The voting application's own programs: two web servers and a worker, which sleep where others
compute, unless they are told to compute, too. Started by tools/real/machine.py, one process each:

    python -m tools.real.application vote --port 8000 --redis 6379 --wait 0.02
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from functools import partial

from tools.real.core import Core
from tools.real.wire import GONE, Postgres, Redis, Refused

AGAIN_S = 0.1  # a worker whose queue is away tries again so often
LIST = "votes"


class Pool:
    """Connections to the database, opened on demand, at most so many; who finds none waits."""

    def __init__(self, port: int, size: int) -> None:
        self.port, self.idle = port, list[Postgres]()
        self.places = asyncio.Semaphore(size)

    async def ask(self, query: str) -> None:
        async with self.places:
            self.idle = [connection for connection in self.idle if connection.is_open]
            connection = self.idle.pop() if self.idle else await Postgres.open(self.port)
            try:
                await connection.ask(query)
            except BaseException:
                connection.close()
                raise
            self.idle.append(connection)


Story = Callable[[float], Awaitable[None]]


class Web:
    """A server that answers GET, one request a connection; health checks beside the requests. Who
    asks for /alone does not sleep; `Inside` says how long a request had its place."""

    def __init__(self, story: Story, slots: int, wait_s: float) -> None:
        self.story, self.slots, self.wait_s = story, asyncio.Semaphore(slots), wait_s

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            path = (await reader.readuntil(b"\r\n\r\n")).split()[1]
            answer = "200 OK" if path == b"/health" else await self.answer(path == b"/alone")
            writer.write(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
        except GONE:
            pass
        finally:
            writer.close()

    async def answer(self, alone: bool) -> str:
        sleeps_s = 0.0 if alone else random.expovariate(1 / self.wait_s)
        async with self.slots:
            begin = time.monotonic()
            try:
                await self.story(sleeps_s)
            except (*GONE, Refused):
                return "500 Internal Server Error"
            return f"200 OK\r\nInside: {time.monotonic() - begin}"


async def vote(redis: int, host: str, core: Core | None, seconds: float) -> None:
    await (core.compute(seconds) if core else asyncio.sleep(seconds))
    connection = await Redis.open(redis, host)
    try:
        await connection.ask("LPUSH", LIST, "vote")
    finally:
        connection.close()


async def result(pool: Pool, sleeps_s: float) -> None:
    await asyncio.sleep(sleeps_s)
    await pool.ask("SELECT votes FROM tally WHERE id = 1")


async def work(redis: int, pool: Pool, wait_s: float) -> None:
    """One of a worker's loops: a plain pop, so that a job in hand dies with the worker."""
    connection = None
    while True:
        try:
            connection = connection or await Redis.open(redis)
            await connection.ask("BRPOP", LIST, "0")
        except (*GONE, Refused):
            if connection is None:
                await asyncio.sleep(AGAIN_S)
            connection = None
            continue
        await asyncio.sleep(random.expovariate(1 / wait_s))
        try:
            await pool.ask("INSERT INTO votes DEFAULT VALUES")
        except (*GONE, Refused):
            pass  # one attempt: the job is lost


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=("vote", "result", "worker"))
    for name in ("port", "redis", "postgres", "pool", "slots"):
        parser.add_argument(f"--{name}", type=int, default=0)
    for name in ("wait", "at"):
        parser.add_argument(f"--{name}", type=float, default=0.0)
    parser.add_argument("--computes", type=int, default=0)  # instead of sleeping
    for name in ("own", "stores"):  # addresses: of the machine that it is on, of Redis
        parser.add_argument(f"--{name}", default="127.0.0.1")
    given = parser.parse_args()
    await asyncio.sleep(max(0.0, given.at - time.monotonic()))  # one clock for all processes
    pool = Pool(given.postgres, given.pool)
    if given.part == "worker":
        await asyncio.gather(*(work(given.redis, pool, given.wait) for _ in range(given.slots)))
    votes = partial(vote, given.redis, given.stores, Core() if given.computes else None)
    story = votes if given.part == "vote" else partial(result, pool)
    web = Web(story, given.slots, given.wait)
    server = await asyncio.start_server(web.serve, given.own, given.port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())

"""What the voting application says to Redis and to PostgreSQL: a command, an answer, on a socket.

No client library, because theirs try again on their own, each in its own way. Redis: RESP2, "Redis
serialization protocol specification". PostgreSQL: "Frontend/Backend Protocol", chapters "Message
Flow" and "Message Formats", version 3.0, simple queries, nobody asks for a password (trust).
"""

from __future__ import annotations

import asyncio
import struct

GONE = (OSError, asyncio.IncompleteReadError)  # what a connection that ended looks like


class Refused(Exception):  # noqa: N818 - it is an answer
    """The database says no; its text is the SQLSTATE."""


class Redis:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, port: int, host: str = "127.0.0.1") -> Redis:
        return cls(*await asyncio.open_connection(host, port))

    async def ask(self, *words: str) -> str | int | list[object] | None:
        """A command and its answer; waits as long as the command blocks."""
        parts = [f"${len(word)}\r\n{word}\r\n" for word in words]
        self.writer.write(f"*{len(words)}\r\n{''.join(parts)}".encode())
        return await self._answer()

    async def _answer(self) -> str | int | list[object] | None:
        line = (await self.reader.readuntil(b"\r\n"))[:-2].decode()
        kind, rest = line[0], line[1:]
        if kind == "-":
            raise Refused(rest)
        if kind == ":":
            return int(rest)
        if kind == "$":
            return (await self.reader.readexactly(int(rest) + 2))[:-2].decode()
        if kind == "*":
            return [await self._answer() for _ in range(int(rest))]
        return rest

    def close(self) -> None:
        self.writer.close()


class Postgres:
    """One connection. Raises `Refused` with the SQLSTATE."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, port: int, user: str = "app") -> Postgres:
        connection = cls(*await asyncio.open_connection("127.0.0.1", port))
        words = f"user\0{user}\0database\0postgres\0\0".encode()
        connection.writer.write(struct.pack("!ii", len(words) + 8, 3 << 16) + words)
        try:
            await connection._until_ready()
        except BaseException:
            connection.close()
            raise
        return connection

    async def ask(self, query: str) -> str:
        """A statement, to its end; the first value of the last row that it finds."""
        words = query.encode() + b"\0"
        self.writer.write(b"Q" + struct.pack("!i", len(words) + 4) + words)
        return await self._until_ready()

    async def _until_ready(self) -> str:
        state = value = ""
        while True:
            kind, length = struct.unpack("!ci", await self.reader.readexactly(5))
            body = await self.reader.readexactly(length - 4)
            if kind == b"E":
                fields = (part.decode() for part in body.split(b"\0") if part)
                state = next(field[1:] for field in fields if field[0] == "C")
                if b"FATAL" in body:
                    raise Refused(state)
            if kind == b"D":
                (size,) = struct.unpack("!i", body[2:6])
                value = body[6 : 6 + size].decode()
            if kind == b"Z":
                if state:
                    raise Refused(state)
                return value

    @property
    def is_open(self) -> bool:
        return not self.reader.at_eof() and not self.writer.is_closing()

    def close(self) -> None:
        self.writer.close()

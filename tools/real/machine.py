"""The programs of the voting application on this machine: started, killed, stopped, all on the
loopback, all in one temporary folder, each ended by its own number.

Debian's packages haproxy, redis-server and postgresql (any version). Run as root, PostgreSQL is
started as the user `postgres`, since it refuses root.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from sim.schema.stack import Service, Stack
from tools.real import second
from tools.real.wire import GONE, Postgres, Redis, Refused

RESTART_S = 0.1  # what Docker waits before it starts again what ended (sim/constants/facts.py)
READY_S = 30.0
OWN_CONNECTIONS = 1  # who looks at the database


class Missing(Exception):  # noqa: N818 - said to the user in one line
    """A program that is not on this machine."""


def program(name: str) -> str:
    """Where a program is; PostgreSQL's are not in anybody's PATH. Raises `Missing`."""
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    places = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", *map(str, homes)])
    path = shutil.which(name, path=places)
    if path is None:
        raise Missing(f"{name} is not installed (Debian: haproxy, redis-server, postgresql)")
    return path


def free_ports(count: int) -> list[int]:
    """Numbers that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for free in sockets:
        free.bind(("127.0.0.1", 0))
    ports = [free.getsockname()[1] for free in sockets]
    for free in sockets:
        free.close()
    return ports


class Check(NamedTuple):
    """HAProxy's health checks and retries, as the simulated one has them."""

    inter_s: float
    fall: int
    rise: int
    retries: int
    redispatch: bool


def haproxy_file(ports: dict[str, int], replicas: dict[str, list[str]], check: Check) -> str:
    """Its configuration: a listener for each service that users ask."""
    lines = [
        "global", "  log stdout format raw local0 notice",
        "defaults", "  mode http", "  log global",
        "  timeout client 60s", "  timeout server 60s", "  timeout connect 5s",
        f"  timeout check {round(check.inter_s * 1000)}ms", f"  retries {check.retries}",
        "  option redispatch" if check.redispatch else "  no option redispatch",
    ]  # fmt: skip
    inter = f"inter {round(check.inter_s * 1000)}ms fall {check.fall} rise {check.rise}"
    for name, backends in replicas.items():
        lines += [
            f"listen {name}", f"  bind 127.0.0.1:{ports[name]}", "  balance roundrobin",
            "  option httpchk GET /health",
            f"  default-server check {inter}",
        ]  # fmt: skip
        lines += [f"  server {name}-{i + 1} {place}" for i, place in enumerate(backends)]
    return "\n".join(lines) + "\n"


class Machine:
    """All programs of one run. `marks`: what HAProxy and the harness saw, and when."""

    def __init__(self, stack: Stack, check: Check) -> None:
        self.stack, self.check = stack, check
        self.folder = Path(tempfile.mkdtemp(prefix="real-"))
        self.folder.chmod(0o755)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.marks: list[tuple[float, str]] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.asked = stack.playing("http")
        self.replicas = {
            f"{name}-{i + 1}": port
            for name in self.asked
            for i, port in enumerate(free_ports(stack.services[name].replicas))
        }
        names = [*self.asked, "postgres", "redis"]
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.database_user = "postgres" if os.geteuid() == 0 else None
        self.second = second.Second() if stack.servers.count > 1 else None
        # of those that users ask each second one is there, as when servers are filled by hand
        self.there = [n for n in self.replicas if n.startswith(f"{stack.entry}-")][1::2]
        self.there = self.there if self.second else []

    # ---- what starts ----
    def spawn(self, name: str, words: list[str], user: str | None = None, **kept: int) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        group = pwd.getpwnam(user).pw_gid if user else None
        self.processes[name] = subprocess.Popen(
            words, stdout=kept.get("stdout", log), stderr=log, start_new_session=True, user=user,
            group=group, cwd=self.folder if name in ("redis", "postgres") else None,
        )  # fmt: skip
        log.close()

    def postgres_folder(self) -> None:
        data = self.folder / "data"
        data.mkdir(mode=0o700)
        if self.database_user:
            owner = pwd.getpwnam(self.database_user)
            os.chown(data, owner.pw_uid, owner.pw_gid)
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        words = [
            program("initdb"),
            "-D",
            str(data),
            "-A",
            "trust",
            "-U",
            "boss",
            "--no-locale",
            "-E",
            "UTF8",
        ]
        subprocess.run(
            words, check=True, user=self.database_user, capture_output=True, cwd=self.folder
        )

    def start_part(self, name: str, at: float = 0.0) -> None:
        """`postgres`, `redis`, or a container's name, which begins to work `at` this time of the
        monotonic clock: `vote-2`."""
        if name == "postgres":
            database = self.stack.services[self.stack.playing("postgres")[0]]
            settings = {
                "port": self.ports["postgres"], "listen_addresses": "127.0.0.1",
                "unix_socket_directories": "", "fsync": "off",  # processes die, no machine
                "max_connections": database.max_connections + OWN_CONNECTIONS,
                "superuser_reserved_connections": database.superuser_reserved_connections,
            }  # fmt: skip
            words = [w for k, v in settings.items() for w in ("-c", f"{k}={v}")]
            data = str(self.folder / "data")
            self.spawn(name, [program("postgres"), "-D", data, *words], self.database_user)
        elif name == "redis":
            queue = self.stack.services[self.stack.playing("redis")[0]]
            aof = "yes" if queue.persistence.startswith("aof") else "no"
            open_to = [second.HERE, "--protected-mode", "no"] if self.second else []
            self.spawn(name, [
                program("redis-server"), "--port", str(self.ports["redis"]), "--save", "",
                "--appendonly", aof, "--dir", str(self.folder), "--bind", "127.0.0.1", *open_to,
            ])  # fmt: skip
        else:
            self.spawn(name, self.own_program(name, at))

    def own_program(self, name: str, at: float) -> list[str]:
        part = name.rpartition("-")[0]
        service = self.stack.services[part]
        pool = next(iter(self.stack.pools(part).values()), None)
        given = {
            "port": self.replicas.get(name, 0), "redis": self.ports["redis"],
            "postgres": self.ports["postgres"], "pool": pool.size if pool else 0,
            "slots": service.concurrency, "wait": busy_s(service), "at": at,
            "own": self.host(name), "computes": int(any(s.cpu for s in service.every_step)),
        }  # fmt: skip
        words = [word for key, value in given.items() for word in (f"--{key}", str(value))]
        words = [sys.executable, "-m", "tools.real.application", part, *words]
        if self.second and name in self.there:
            return self.second.inside([*words, "--stores", second.HERE])
        return words

    def host(self, name: str) -> str:
        """The address of the machine that it is on."""
        return second.THERE if name in self.there else "127.0.0.1"

    async def listens(self, name: str) -> float:
        """When this replica does."""
        return await listening(self.replicas[name], self.host(name))

    async def start(self) -> None:
        self.postgres_folder()
        self.start_part("postgres")
        self.start_part("redis")
        await self.answers("postgres")
        await self.answers("redis")
        boss = await Postgres.open(self.ports["postgres"], "boss")
        for statement in (
            "CREATE ROLE app LOGIN", "CREATE TABLE votes (id serial)",
            "CREATE TABLE tally (id int PRIMARY KEY, votes int)", "INSERT INTO tally VALUES (1, 0)",
            "GRANT ALL ON ALL TABLES IN SCHEMA public TO app",
            "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app",
        ):  # fmt: skip
            await boss.ask(statement)
        boss.close()
        for name in self.replicas:
            self.start_part(name)
        for name in self.stack.playing("worker"):
            self.start_part(f"{name}-1")
        for name in self.replicas:
            await self.listens(name)
        await self.start_balancer()

    async def start_balancer(self) -> None:
        backends = {
            name: [
                f"{self.host(replica)}:{port}"
                for replica, port in self.replicas.items()
                if replica.startswith(f"{name}-")
            ]
            for name in self.asked
        }
        path = self.folder / "haproxy.cfg"
        path.write_text(haproxy_file(self.ports, backends, self.check))
        self.spawn("haproxy", [program("haproxy"), "-db", "-f", str(path)], stdout=subprocess.PIPE)
        self.tasks.append(asyncio.create_task(self.listen_to_balancer()))
        for name in self.asked:
            await listening(self.ports[name])

    async def listen_to_balancer(self) -> None:
        """Its log says which server goes DOWN or UP; the time is that of the line's arrival."""
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        pipe = self.processes["haproxy"].stdout
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
        while line := await reader.readline():
            words = line.decode(errors="replace").split()
            if line.startswith(b"Server ") and "is" in words:
                state = words[words.index("is") + 1].strip(",.")
                self.marks.append((time.monotonic(), f"{words[1].partition('/')[2]} {state}"))

    async def answers(self, name: str) -> float:
        """When a store does what it is there for."""
        until = time.monotonic() + READY_S
        while time.monotonic() < until:
            if self.processes[name].poll() is not None:
                self.start_part(name)  # shared memory of its dead predecessor is still in use
            with suppress(*GONE, Refused):
                if name == "redis":
                    connection = await Redis.open(self.ports[name])
                    await connection.ask("PING")
                else:
                    connection = await Postgres.open(self.ports[name], "boss")
                connection.close()
                return time.monotonic()
            await asyncio.sleep(0.01)
        raise TimeoutError(f"{name} did not answer within {READY_S:.0f} s")

    # ---- what happens to it ----
    def send(self, name: str, number: signal.Signals) -> None:
        """A signal to a program and to what it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.processes[name].pid, number)

    def kill(self, name: str) -> None:
        self.send(name, signal.SIGKILL)
        self.processes[name].wait()

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        for name in list(self.processes):
            self.send(name, signal.SIGCONT)
            self.kill(name)
        if self.second:
            self.second.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def busy_s(service: Service) -> float:
    """The mean of what is exponential in a service's story: a wait, or what it computes."""
    laws = (step.wait or step.cpu for step in service.every_step)
    return next(law.mean for law in laws if law and law.law == "exponential")


async def listening(port: int, host: str = "127.0.0.1") -> float:
    """When somebody listens at a port."""
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        with suppress(OSError):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            return time.monotonic()
        await asyncio.sleep(0.01)
    raise TimeoutError(f"nobody listened at {port} within {READY_S:.0f} s")

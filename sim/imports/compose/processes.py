"""How many requests or jobs a container takes at once, and how many connections its processes may
open: read from its command and its variables.

Names and defaults: gunicorn (docs.gunicorn.org settings: workers, threads, WEB_CONCURRENCY), Puma
(WEB_CONCURRENCY processes, RAILS_MAX_THREADS threads; Rails guides, config/puma.rb and
database.yml: the pool is RAILS_MAX_THREADS), uvicorn (--workers, WEB_CONCURRENCY), uWSGI
(--processes, --threads), Celery (--concurrency, -c: processes, unless the pool is of threads),
Sidekiq (-c, RAILS_MAX_THREADS), SQLAlchemy (QueuePool: pool_size 5, max_overflow 10), Hikari
(maximumPoolSize 10), Prisma (connection_limit in the URL), Npgsql (Maximum PoolSize Size), Ecto
(POOL_SIZE in runtime.exs), node-postgres (max), Django (a connection a thread).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from sim.imports.compose.links import command_text
from sim.imports.compose.values import option

OVERFLOW = 10  # SQLAlchemy QueuePool, max_overflow


class Number(NamedTuple):
    """A number and what says so: the name of a variable, or an option."""

    value: int
    said: str


class Processes(NamedTuple):
    """Processes of a container, and requests or jobs that each takes at once; None: not said."""

    processes: Number | None
    threads: Number | None
    whole: Number | None = None  # of all of them together

    @property
    def concurrency(self) -> int | None:
        if self.whole:
            return self.whole.value
        if self.processes or self.threads:
            return (self.processes or _ONE).value * (self.threads or _ONE).value
        return None

    @property
    def variables(self) -> list[str]:
        return [number.said for number in self if number]


_ONE = Number(1, "")
_WEB = re.compile(r"(?<![\w-])(gunicorn|uvicorn|hypercorn|uwsgi|puma|granian|waitress\S*)(?![\w-])")
# variables -> what they count; the first that is there
_PROCESSES = (
    "WEB_CONCURRENCY", "GUNICORN_WORKERS", "UVICORN_WORKERS", "PUMA_WORKERS", "UWSGI_PROCESSES",
    "UWSGI_WORKERS", "WEB_WORKERS", "GUNICORN_PROCESSES", "SERVER_WORKER_AMOUNT",
    "WEB_SERVER_CONCURRENCY",
)  # fmt: skip
_THREADS = (
    "GUNICORN_THREADS", "RAILS_MAX_THREADS", "PUMA_MAX_THREADS", "MAX_THREADS", "UWSGI_THREADS",
    "PUMA_THREADS",
)  # fmt: skip
_JOBS = (
    "CELERY_WORKER_CONCURRENCY", "CELERYD_CONCURRENCY", "CELERY_CONCURRENCY", "QUEUE_CONCURRENCY",
    "WORKER_CONCURRENCY", "SIDEKIQ_CONCURRENCY", "SIDEKIQ_THREADS", "CELERY_WORKER_AMOUNT",
    "AIRFLOW__CELERY__WORKER_CONCURRENCY", "RAILS_MAX_THREADS", "CONCURRENCY",
    "WORKERS_COUNT",
)  # fmt: skip


def web_processes(words: list[str], environment: Mapping[str, str]) -> Processes:
    """Of a web server."""
    words = words + environment.get("GUNICORN_CMD_ARGS", "").split()
    server = next((match[1] for word in words if (match := _WEB.search(word))), "")
    if not server and "GUNICORN_CMD_ARGS" in environment:
        server = "gunicorn"
    processes = threads = None
    if server:
        names = ("--processes", "-p", "--workers") if server == "uwsgi" else ("-w", "--workers")
        processes = _option(words, *names)
        many = ("-t", "--threads") if server == "puma" else ("--threads",)
        threads = _option(words, *many)
    return Processes(
        processes or _variable(environment, _PROCESSES), threads or _variable(environment, _THREADS)
    )


def job_processes(words: list[str], environment: Mapping[str, str]) -> Processes:
    """Of a worker: Celery's are processes, others' threads of one."""
    text = " ".join(words)
    jobs = _option(words, "--concurrency", "-c", "--max-tasks") if words else None
    autoscale = option(words, "--autoscale")
    if jobs is None and autoscale and autoscale.split(",")[0].isdecimal():
        jobs = Number(int(autoscale.split(",")[0]), "--autoscale")
    if "dramatiq" in text or "huey" in text:
        return Processes(
            _option(words, "--processes", "-p"),
            _option(words, "--threads", "-t", "-w", "--workers"),
        )
    jobs = jobs or _variable(environment, _JOBS)
    pool = option(words, "-P", "--pool")
    forks = "celery" in text.lower() and pool in (None, "prefork", "processes")
    return Processes(jobs, None) if forks else Processes(None, jobs)


def _option(words: list[str], *names: str) -> Number | None:
    """`-w 8`, `--workers=8`; of `-t 1:16` the larger."""
    for name in names:
        value = (option(words, name) or "").rpartition(":")[2]
        if value.isdecimal() and 0 < int(value) < 10_000:
            return Number(int(value), name)
    return None


def _variable(environment: Mapping[str, str], names: tuple[str, ...]) -> Number | None:
    for name in names:
        value = environment.get(name, "")
        if value.isdecimal() and 0 < int(value) < 10_000:
            return Number(int(value), name)
    return None


# a process that accepts at once and queues inside, unless the second one runs it
_LOOP = re.compile(
    r"(?<![\w-])(node|npm|yarn|pnpm|bun|deno|next|nest|uvicorn|hypercorn|daphne|aiohttp|nginx|caddy"
    r"|golang)(?![\w-])"
)
_THREADED = re.compile(r"(?<![\w-])(gunicorn|uwsgi|puma|unicorn|php-fpm|apache2|waitress)(?![\w-])")


def event_loop(body: Mapping[str, Any]) -> str:
    """The word of image or command that says so: it accepts all and queues inside. Else empty."""
    image = str(body.get("image") or "").split("@")[0].rsplit("/", 1)[-1].split(":")[0]
    said = f"{image.lower()} {command_text(body)}"
    loop = _LOOP.search(said)
    threads = _THREADED.search(said) and not re.search(
        r"uvicorn\.workers|uvicornworker", said.lower()
    )
    return loop[1] if loop and not threads else ""


# --- pools ----------------------------------------------------------------------------------------

_SIZE = re.compile(
    r"(.*_)?(POOL|POOL_?SIZE|POOL_MAX(_SIZE)?|POOL_LIMIT|MAX(IMUM)?_?POOL_?SIZE|MAX_POOL|"
    r"MAX_?OPEN_?CONN(ECTION)?S?|MAX_CONNECTIONS?|CONNECTION_LIMIT|JDBC_MAX_SIZE|CONNECTION_POOL)"
)
_NO_DATABASE = re.compile(
    r"REDIS|HTTP|THREAD|WORKER|CACHE|MIN|SMTP|AMQP|RABBIT|MEMCACHE|CELERY|KAFKA|ELASTIC|SIDEKIQ|"
    r"SOCKET|CLIENT|BROKER|BUFFER|UPLOAD|LDAP"
)
_OVERFLOWS = re.compile(r"(.*_)?MAX_OVERFLOW")
_IN_URL = re.compile(
    r"(?:[?&;\s\"']|^)(connection_limit|pool_size|max_?pool_?size|pool_max(?:_conns)?|"
    r"max(?:imum)?\s?pool\s?size)=(\d{1,4})(?!\d)",
    re.IGNORECASE,
)
_IN_COMMAND = re.compile(r"hikari\.maximum-?pool-?size=(\d{1,4})", re.IGNORECASE)
_URL_NAME = re.compile(r"URL|URI|DSN|CONNECTION|DATABASE|POSTGRES|JDBC", re.IGNORECASE)


class PoolSize(NamedTuple):
    """Connections that one container opens at most."""

    size: int
    words: str  # "25, from DB_POOL", "16 x 4 processes, from ..."
    variables: tuple[str, ...]


def pool_of(
    words: list[str], environment: Mapping[str, str], processes: Processes
) -> PoolSize | None:
    """The pool that the file says, times the processes that each have one; None: it says none."""
    pool = _stated(words, environment)
    if pool is None and "RAILS_MAX_THREADS" in environment:
        threads = _variable(environment, ("RAILS_MAX_THREADS",))
        pool = (threads.value, threads.said, (threads.said,)) if threads else None
    if pool is None and _is_django(words, environment) and processes.concurrency:
        each = processes.threads.value if processes.threads else 1
        pool = (each, "Django: a connection a thread", ())
    if pool is None:
        return None
    size, source, variables = pool
    count = processes.processes.value if processes.processes else 1
    if count > 1:
        return PoolSize(size * count, f"{size} x {count} processes, from {source}", variables)
    return PoolSize(size, f"{size}, from {source}", variables)


def _stated(
    words: list[str], environment: Mapping[str, str]
) -> tuple[int, str, tuple[str, ...]] | None:
    for name, value in environment.items():
        match = _IN_URL.search(value) if _URL_NAME.search(name) else None
        if match and int(match[2]):
            return int(match[2]), f"{match[1]} in {name}", (name,)
    sizes = [
        name
        for name, value in environment.items()
        if _SIZE.fullmatch(name.upper().replace(".", "_")) and not _NO_DATABASE.search(name.upper())
        and value.isdecimal() and 0 < int(value) < 10_000
    ]  # fmt: skip
    if sizes:
        name = sizes[0]
        size, source, variables = int(environment[name]), name, (name,)
        more = next((n for n in environment if _OVERFLOWS.fullmatch(n)), "")
        if more and environment[more].isdecimal():
            return size + int(environment[more]), f"{source} + {more}", (name, more)
        if "SQLALCHEMY" in name or "SQL_ALCHEMY" in name:
            return size + OVERFLOW, f"{source} + an overflow of {OVERFLOW}", variables
        return size, source, variables
    for text, source, used in (
        (" ".join(words), "the command", ()),
        *((environment.get(n, ""), n, (n,)) for n in ("JAVA_OPTS", "JAVA_TOOL_OPTIONS")),
    ):
        match = _IN_COMMAND.search(text)
        if match and int(match[1]):
            return int(match[1]), source, used
    return None


def _is_django(words: list[str], environment: Mapping[str, str]) -> bool:
    return "DJANGO_SETTINGS_MODULE" in environment or any(
        "wsgi" in word or "django" in word or "manage.py" in word for word in words
    )

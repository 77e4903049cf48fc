"""What an image, a program or a name says about the part that it plays. Tables, and how they are
read; shared by the readers of Compose files and of manifests.

A name is read from its end, since its last word is its noun: `redis-worker` is a worker,
`nginx-exporter` an exporter. Words of a product say more than words of a part.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from sim.schema.stack import Role
from sim.schema.text.document import read_yaml

Part = Literal[
    "postgres", "mysql", "mariadb", "mongodb", "sqlserver", "redis", "pooler", "proxy", "http",
    "worker", "scheduler", "tool", "once", "broker", "store", "database", "cache", "page",
    "rabbitmq", "background",
]  # fmt: skip
ENGINES: tuple[Part, ...] = ("postgres", "mysql", "mariadb", "mongodb", "sqlserver")
ROLES: dict[Part, Role] = {
    **dict.fromkeys(ENGINES, "postgres"),
    "redis": "redis",
    "rabbitmq": "redis",
    "cache": "cache",
    "proxy": "proxy",
    "http": "http",
    "worker": "worker",
}
# what a part is that has no role of its own, as a message says it
OTHERS: dict[Part, str] = {
    "pooler": "a connection pooler",
    "scheduler": "a scheduler: it takes no jobs",
    "tool": "a tool beside the application",
    "once": "a task of the start or of operation",
    "broker": "a broker",
    "store": "a store that is no SQL database and no queue",
    "database": "a database whose engine nothing names",
    "cache": "a cache",
    "page": "a tool with pages",
}


def _table(rows: dict[Part, str]) -> dict[str, Part]:
    return {word: part for part, words in rows.items() for word in words.split()}


_WORDS = read_yaml((Path(__file__).parent / "words.yaml").read_text(encoding="utf-8"), "words").data
_PRODUCTS, _IMAGES, _PARTS = (_table(_WORDS[key]) for key in ("products", "images", "parts"))
# behind the name of a store: a tool with pages for it
_VIEWS = "ui admin express console dashboard dashboards manager viewer browser web gui commander"
# `phpldapadmin`
_ADMIN = re.compile(r"(php|pg|my|sql|db|mongo|redis|ldap|rabbit|kafka|es)\w*admin\d?")
_VIEW_WORDS = {*_VIEWS.split(), "insight", "explorer", "map"}
_NEUTRAL = (
    "server service image alpine ha cluster master primary node single standalone docker container"
    " latest dev prod production local ce ee oss enterprise community edition stack base main"
    " 1 2 3 v2 v1 01 02 a b bookworm slim custom new cp distroless debian ubuntu edge rootless all"
    " instance"
)
_NEUTRAL_WORDS = frozenset(_NEUTRAL.split())


# at a name's end: tools, unless users are led there
UNSURE = ("controller", "operator", "daemon", "reconciler")


# without a separator: `st2scheduler`
_RUNS = [w for w, part in _PARTS.items() if part in ("scheduler", "worker", "background")]
_JOINED = re.compile(rf"\w({'|'.join(w for w in _RUNS if len(w) >= 6)})$")
_QUEUES, _WORKED = {"celery", "sidekiq"}, ("backup", "cleanup", "monitoring")


class Word(NamedTuple):
    """A word that says something, and what."""

    part: Part
    word: str
    product: bool  # the name of a product; else of a part that anything may play


def word_of(name: str) -> Word | None:
    """What a name says: `edge-router` is a proxy, `celerybeat` a scheduler; None if nothing."""
    lower = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
    tokens = [token for token in re.split(r"[^a-z0-9]+", lower) if token]
    whole = "".join(tokens)
    for table, product in ((_PRODUCTS, True), (_PARTS, False)):
        if whole in table:
            return Word(table[whole], name, product)
    if view := _view(tokens):
        return Word(view, name, True)
    for i in reversed(range(len(tokens))):
        pair = "".join(tokens[i - 1 : i + 1]) if i else ""
        for token in (pair, tokens[i], re.sub(r"\d+$", "", tokens[i])):
            if token in _PRODUCTS and token not in _NEUTRAL_WORDS:
                return Word(_PRODUCTS[token], token, True)
            if part := _part_of(token, tokens, tokens[i + 1 :]):
                return Word(part, token, False)
    if match := _JOINED.search(whole):
        return Word(_PARTS[match[1]], match[1], False)
    if tokens and tokens[-1] in UNSURE:
        return Word("tool", tokens[-1], False)
    # `server` alone is one that answers; behind a product's name it is that product
    said = set(tokens) & {"server", "service"}
    return Word("http", said.pop(), False) if len(said) == 1 else None


def _part_of(token: str, tokens: Sequence[str], after: Sequence[str]) -> Part | None:
    """The part that one word of a name says, among the others; None if it says none there."""
    if token not in _PARTS or token in _NEUTRAL_WORDS:
        return None
    part, others = _PARTS[token], {_PARTS.get(other) for other in tokens}
    if token in _WORKED and _QUEUES.intersection(tokens):
        part = "worker"  # `celery-backup`: the queue that it works
    if part == "once" and not _NEUTRAL_WORDS.issuperset(after):
        return None  # a task is what its last noun says: `build-tools-chat` is a chat
    if token == "data" and "worker" in others:
        return None  # `worker-data` works on them
    if part == "worker" and "scheduler" in others:
        part = "scheduler"  # `beat-worker`
    if token in ("job", "jobs") and "once" in others:
        part = "once"  # `backup-job`
    return part


def _view(tokens: Sequence[str]) -> Part | None:
    """What shows a product: `kafka-ui` is a page; `nginx-web` is that nginx."""
    products = {_PRODUCTS[token] for token in tokens[:-1] if token in _PRODUCTS}
    if products and tokens[-1] in _VIEW_WORDS:
        return "proxy" if tokens[-1] == "web" and products == {"proxy"} else "page"
    return "page" if tokens and _ADMIN.fullmatch(tokens[-1]) else None


def callees_of(image: str) -> list[str]:
    """The hosts that the program in a public image asks, as its code has them."""
    return str(_WORDS["asks"].get(repository(image), "")).split()


def repository(image: str) -> str:
    """`docker.io/bitnami/postgresql:15` -> `bitnami/postgresql`."""
    path = image.split("@", maxsplit=1)[0].split("/")
    if len(path) > 1 and ("." in path[0] or ":" in path[0] or path[0] == "localhost"):
        path = path[1:]
    path[-1] = path[-1].split(":")[0]
    return "/".join(path)


def word_of_image(image: str) -> Word | None:
    """What an image's name says: its last part; `mssql/server` by the part before it; of
    `shop-with-tracing` the shop."""
    path = repository(image).lower()
    known = next((name for name in (path, path.rpartition("/")[2]) if name in _IMAGES), "")
    if known:
        return Word(_IMAGES[known], known, True)
    owner, _, last = re.sub(r"[-_]with[-_].*", "", repository(image)).rpartition("/")
    maker = word_of(owner) if last in ("server", "database", "db", "controller") and owner else None
    return maker if maker and maker.part in (*ENGINES, "proxy") else word_of(last)


# the ports of a store or broker: an image named after what it uses listens on others
_PORTS: dict[Part, str] = {
    "postgres": "5432", "mysql": "3306 33060", "mariadb": "3306", "mongodb": "27017",
    "sqlserver": "1433", "redis": "6379 26379", "rabbitmq": "5672 15672",
    "broker": (
        "9092 9093 9094 29092 2181 4222 8222 6222 1883 8883 9001 18083 61616 8161 6650 8080 8081"
        " 8082 8083 9644 4150 4151 4160 4161 9876 10911 4730 11300"
    ),
}  # fmt: skip


def named_after_its_store(image: str, word: Word, ports: set[str]) -> bool:
    """An application's image that says what it uses, `redis-stream-chat`: more words stand behind
    the product, and it listens elsewhere."""
    last = repository(image).rpartition("/")[2].lower()
    behind = re.split(r"[^a-z0-9]+", last.partition(word.word)[2].strip("-_."))
    more = [token for token in behind if token and token not in _NEUTRAL_WORDS]
    own = _PORTS.get(word.part, "").split()
    return bool(word.product and own and more and ports) and ports.isdisjoint(own)


# a program that is started -> what it makes of its container; the first that fits
_PROGRAMS: tuple[tuple[Part, str], ...] = (
    ("page", r"\bflower\b"),
    ("worker", r"celery\b.*\bworker\b.*(\s-B\b|--beat\b)"),
    (
        "scheduler",
        r"celery\b.*\bbeat\b|celery-?beat|\bschedule:(work|run)|clockwork|rqscheduler|supercronic|"
        r"(^|[/\s])crond?\b|\bscheduler\b|dag-processor|\btriggerer\b|\brun_?cron\b|run cron\b",
    ),
    (
        "worker",
        r"celery\b.*\bworker\b|celery-?worker|\bsidekiq\b|\brq\s+worker|rqworker|queue:(work|listen)|"
        r"\bhorizon\b|bullmq?\b|jobs:work|delayed_job|\bresque\b|\bdramatiq\b|\bhuey|run_huey|"
        r"\barq\s|\btaskiq\s+worker|\bqcluster\b|messenger:consume|"
        # of gunicorn a class that answers: `-k uvicorn.workers.UvicornWorker`
        r"(?<!uvicorn\.)(?<![\w-])workers?(\.\w+)?(?=\s|$|['\"])|"
        r"good_job|solid_queue|process_tasks|\btask-processor\b|\bconsumer\b|\bconsume\b",
    ),
    ("redis", r"\b(redis|valkey|keydb)-server\b"),
    ("mysql", r"\bmysqld\b"),
    ("mariadb", r"\bmariadbd\b"),
    ("mongodb", r"\bmongod\b"),
    ("postgres", r"(^|(^|[\s/])(docker-entrypoint\.sh|exec)\s+)postgres(\s|$)"),
    ("pooler", r"(^|[\s/])pgbouncer\b"),
    (
        "proxy",
        r"(^|[\s/'\"])(nginx\s+-g|nginx-entrypoint|haproxy\s|envoy\s+-c|caddy\s+(run|reverse-proxy))|"
        r"(^|[;&]\s*|exec\s+|-c\s+['\"]?|\.sh\s+|--\s+)(/\S*)?\btraefik(\s|$)",
    ),
    (
        "http",
        r"gunicorn|uvicorn|hypercorn|daphne|granian|uwsgi|waitress|\bpuma\b|unicorn|passenger|"
        r"rails\s+(s|server)\b|runserver|flask\s+run|fastapi\s+(run|dev)|php-fpm|artisan\s+(serve|octane)|"
        r"\bnext\s+(start|dev)|http\.server|\brackup\b|thin\s+start|streamlit\s+run|\bstart-web\b|"
        r"apache2|httpd|\bwebserver\b|api-server|phx\.server|\bair\b",
    ),
    (
        "once",
        r"\bmigrat(e|ions?)\b|db:(migrate|prepare|seed|setup|create)|alembic\s+upgrade|\bwebpack\b|"
        r"(build|watch)(:\w+)?\s+(--watch|-w)|\bvite(\s+build)?\s*$|sleep\s+(infinity|\d+d)|\btail\s+-f|"
        r"\bmc\s+(alias|mb)|pg_dump|(mysql|mariadb-|mongo)dump|collectstatic|^(/bin/)?true$|^cp\s",
    ),
)
_PATTERNS = tuple((part, re.compile(text, re.IGNORECASE)) for part, text in _PROGRAMS)
_CHAIN = re.compile(r"[;&]")
_SERVERS = re.compile(
    r"\b(gunicorn|uvicorn|hypercorn|daphne|uwsgi|puma|php-fpm)\s|\brails\s+s(erver)?\b|\brunserver\b"
)
# behind a task, something that does more than end or wait
_FOLLOWED = re.compile(
    r"(&&|;)\s*(?!exit\b|echo\b|sleep\b|true\b|done\b|fi\b|tail\b|rm\b|\s|$)[\w./-]+"
)


def word_of_command(command: str) -> Word | None:
    """What a container becomes by the program that it starts. Of several in one shell a server is
    what answers, and a task that another program follows is over before it."""
    server = _SERVERS.search(command) if _CHAIN.search(command) else None
    if server:
        return Word("http", server[0].strip(), True)
    for part, pattern in _PATTERNS:
        *_, match = (None, *pattern.finditer(command))
        if match and not (part == "once" and _FOLLOWED.search(command, match.end())):
            return Word(part, match[0].strip(" /'\"").split("\n")[0][:40], True)
    return None


# where a program keeps its data says which it is, also of an image of somebody's own
_DATA = {
    "/var/lib/postgresql": "postgres", "/bitnami/postgresql": "postgres",
    "/var/lib/mysql": "mysql", "/bitnami/mysql": "mysql", "/bitnami/mariadb": "mariadb",
    "/data/db": "mongodb", "/bitnami/mongodb": "mongodb", "/var/opt/mssql": "sqlserver",
    "/pgdata": "postgres",
}  # fmt: skip
_SCHEMES: dict[str, Part] = {
    **dict.fromkeys(("postgres", "postgresql", "postgis", "pgsql"), "postgres"),
    "mysql": "mysql", "mysql2": "mysql", "mariadb": "mariadb", "mongodb": "mongodb",
    "sqlserver": "sqlserver", "mssql": "sqlserver",
    "redis": "redis", "rediss": "redis", "amqp": "rabbitmq", "amqps": "rabbitmq",
    "nats": "broker", "kafka": "broker", "http": "http", "https": "http", "grpc": "http",
}  # fmt: skip
_SETTINGS: tuple[tuple[str, Part], ...] = (
    ("POSTGRES_PASSWORD", "postgres"), ("POSTGRES_DB", "postgres"),
    ("POSTGRES_HOST_AUTH_METHOD", "postgres"), ("PGDATA", "postgres"),
    ("MYSQL_ROOT_PASSWORD", "mysql"), ("MYSQL_DATABASE", "mysql"),
    ("MYSQL_ALLOW_EMPTY_PASSWORD", "mysql"),
    ("MARIADB_ROOT_PASSWORD", "mariadb"), ("MONGO_INITDB_ROOT_USERNAME", "mongodb"),
    ("MONGO_INITDB_DATABASE", "mongodb"), ("SA_PASSWORD", "sqlserver"),
    ("MSSQL_SA_PASSWORD", "sqlserver"),
)  # fmt: skip


def engine_of_volume(target: str) -> Part | None:
    """The engine that keeps its data at this path of a container."""
    return next((part for at, part in _DATA.items() if target.startswith(at)), None)  # type: ignore[misc]


def part_of_scheme(scheme: str) -> Part | None:
    """`postgresql+asyncpg` -> postgres; `mongodb+srv` -> mongodb; `jdbc:mysql` -> mysql."""
    return _SCHEMES.get(scheme.lower().removeprefix("jdbc:").split("+")[0])


def engine_of_settings(names: set[str]) -> Part | None:
    """The engine whose image reads one of these variables at its first start."""
    return next(
        (part for name, part in _SETTINGS if name in names or f"{name}_FILE" in names), None
    )

"""Which part a Compose service plays, guessed from its image, name, command, ports, neighbours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from sim.schema.stack import Role

# last word of an image's repository -> role; the rest of a name may follow after - or _
_POSTGRES = ("postgres", "postgresql", "postgis", "timescaledb", "pgvector", "spilo", "alloydbomni")
_REDIS = ("redis", "valkey", "keydb", "dragonfly", "redismod", "redis-stack", "redis-stack-server")
_PROXY = ("nginx", "haproxy", "traefik", "caddy", "envoy", "nginx-proxy", "httpd", "openresty")
_OTHER_WORDS = (
    "mysql mariadb mongo mongodb mssql azure-sql-edge elasticsearch opensearch logstash "
    "kibana kafka zookeeper redpanda rabbitmq nats memcached minio prometheus grafana loki jaeger "
    "pgadmin4 adminer phpmyadmin mailhog mailpit cadvisor node-exporter alertmanager clickhouse "
    "clickhouse-server cassandra influxdb vault consul etcd pgbouncer localstack zipkin "
    "redis-commander redisinsight mongo-express neo4j couchdb keycloak"
)
_OTHER = tuple(_OTHER_WORDS.split())
_PAGES = ("kibana", "grafana", "pgadmin4", "adminer", "phpmyadmin", "keycloak", "minio")
_WORKER = re.compile(
    r"(^|[-_.])(worker|workers|celery|sidekiq|consumer|consumers|queue|jobs|job|processor|rq)([-_.]|\d*$)"
)
_WORKER_COMMAND = re.compile(
    r"celery\b.*\bworker|sidekiq|\brq worker|queue:work|\bworker\b|bullmq?\b"
)
_SIDE = re.compile(
    r"(^|[-_.])(cron|beat|scheduler|migrat\w*|seed\w*|init|backup|exporter|flower)([-_.]|$)"
)
_HTTP = re.compile(
    r"(^|[-_.])(web|www|api|app|backend|frontend|server|service|site|gateway|ui|vote|result|flask|django)"
    r"([-_.]|\d*$)"
)
_BACKEND = re.compile(r"(^|[-_.])(api|backend|server|app)([-_.]|\d*$)")


# a process that accepts at once and queues inside, unless the second one runs it
_LOOP = re.compile(
    r"(?<![\w-])(node|npm|yarn|pnpm|bun|deno|next|nest|uvicorn|hypercorn|daphne|aiohttp|nginx|caddy"
    r"|golang)(?![\w-])"
)
_THREADS = re.compile(r"(?<![\w-])(gunicorn|uwsgi|puma|unicorn|php-fpm|apache2|waitress)(?![\w-])")


class Guess(NamedTuple):
    """A role and why."""

    role: Role
    why: str


def guess_roles(services: Mapping[str, Mapping[str, Any]]) -> dict[str, Guess]:
    """A role for each service (by Compose name), from all of them together."""
    alone = {name: _guess_alone(name, body) for name, body in services.items()}
    known = {name: guess for name, guess in alone.items() if guess}
    redis = [name for name, guess in known.items() if guess.role == "redis"]
    wanted = {other for body in services.values() for other in dependencies(body)}
    for name, body in services.items():
        if name in known:
            continue
        if set(dependencies(body)) & set(redis) and name not in wanted:
            known[name] = Guess("worker", "depends on the queue, publishes no port")
        elif name in wanted or _HTTP.search(name.lower()):
            known[name] = Guess("http", "by its name or because others depend on it")
        else:
            known[name] = Guess("other", "neither port, image nor name says more")
    return _settle({name: known[name] for name in services}, services)


def entry_service(roles: Mapping[str, Guess], services: Mapping[str, Mapping[str, Any]]) -> str:
    """The http service that users' requests go to; "" if there is none."""
    candidates = [name for name, guess in roles.items() if guess.role == "http"]
    stores = [name for name, guess in roles.items() if guess.role in ("postgres", "redis")]

    def rank(name: str) -> tuple[bool, bool, bool]:
        behind_proxy = any(
            name in dependencies(services[proxy])
            for proxy, guess in roles.items()
            if guess.role == "proxy"
        )
        uses_store = bool(set(dependencies(services[name])) & set(stores))
        return (not behind_proxy, not uses_store, not _BACKEND.search(name.lower()))

    return min(candidates, key=rank, default="")


def dependencies(body: Mapping[str, Any]) -> list[str]:
    """Names in `depends_on` and `links`, whichever way they are written."""
    depends = body.get("depends_on") or []
    links = [str(link).split(":")[0] for link in body.get("links") or []]
    return [str(name) for name in depends] + links


def command_text(body: Mapping[str, Any]) -> str:
    """Entry point and command as one line."""
    parts: list[str] = []
    for key in ("entrypoint", "command"):
        value = body.get(key) or []
        parts += [value] if isinstance(value, str) else [str(part) for part in value]
    return " ".join(parts)


def image_word(body: Mapping[str, Any]) -> str:
    """`docker.io/bitnami/postgresql:15` -> `postgresql`."""
    image = str(body.get("image") or "").lower()
    return image.split("@")[0].rsplit("/", 1)[-1].split(":")[0]


def event_loop(body: Mapping[str, Any]) -> str:
    """The word of image or command that says so: it accepts all and queues inside. Else empty."""
    said = f"{image_word(body)} {command_text(body)}"
    loop = _LOOP.search(said)
    threads = _THREADS.search(said) and not re.search(
        r"uvicorn\.workers|uvicornworker", said.lower()
    )
    return loop[1] if loop and not threads else ""


def _guess_alone(name: str, body: Mapping[str, Any]) -> Guess | None:
    """What image, name, command and ports say by themselves."""
    image, lower = image_word(body), name.lower()
    stock = image if not body.get("build") else ""
    for role, words in (("postgres", _POSTGRES), ("redis", _REDIS)):
        if stock in words:
            return Guess(role, f"image {image}")  # type: ignore[arg-type]
    if stock in _PROXY or (stock == "" and lower in _PROXY):
        return Guess("proxy", f"{stock or 'name ' + lower}")
    if stock in _OTHER or _SIDE.search(lower) or _SIDE.search(stock):
        return Guess("other", f"{stock or 'name ' + lower} is not simulated")
    if _WORKER.search(lower) or _WORKER_COMMAND.search(command_text(body)):
        return Guess("worker", "by its name or command")
    if lower in ("proxy", "lb", "loadbalancer", "load-balancer"):
        return Guess("proxy", f"name {lower}")
    if any(not str(port).endswith("/udp") for port in body.get("ports") or []):
        return Guess("http", "publishes a port")
    return None


def _settle(roles: dict[str, Guess], services: Mapping[str, Mapping[str, Any]]) -> dict[str, Guess]:
    """One postgres, one redis, workers only with a queue, proxies only before something."""
    first: dict[str, str] = {}
    for role in ("postgres", "redis"):
        users = [other for body in services.values() for other in dependencies(body)]
        names = [name for name, guess in roles.items() if guess.role == role]
        first[role] = min(names, key=lambda name: name not in users, default="")
    has_http = any(guess.role == "http" for guess in roles.values())
    settled = dict(roles)
    for name, guess in roles.items():
        if guess.role in first and name != first[guess.role]:
            settled[name] = Guess("other", f"a second {guess.role} is not simulated")
        elif guess.role == "worker" and not first["redis"]:
            settled[name] = Guess("other", "a worker without a Redis queue is not simulated")
        elif guess.role == "proxy" and not has_http:
            settled[name] = Guess("http", f"{guess.why}, with nothing behind it")
            has_http = True
    for name, body in services.items():
        if not has_http and image_word(body) in _PAGES:
            settled[name] = Guess("http", "the only one with pages to show")
            has_http = True
    return settled

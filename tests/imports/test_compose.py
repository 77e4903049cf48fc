"""Docker-compose files as stacks: what is read, what is assumed, what is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.imports.compose.environment import expand, read_env
from sim.imports.compose.links import environment_of, mentions
from sim.imports.compose.merge import normal
from sim.imports.compose.processes import event_loop
from sim.imports.compose.roles import Scene, guess_roles
from sim.imports.compose.tree import tree_of
from sim.imports.compose.values import Node, Published
from sim.library.stacks import load_stack
from sim.schema.fields import InputError
from sim.schema.layers import Layer, stack_on
from sim.schema.stack import Healthcheck, Stack
from sim.schema.text.document import Document

DATA = Path(__file__).parents[1] / "data" / "compose"
Mi = 2**20


@pytest.fixture(scope="module")
def shop() -> Stack:
    return load_stack(str(DATA / "everything.yml"))


def _load(tmp_path: Path, text: str) -> Stack:
    path = tmp_path / "docker-compose.yml"
    path.write_text(text, encoding="utf-8")
    return load_stack(str(path))


def test_roles_and_order(shop: Stack) -> None:
    roles = {name: service.role for name, service in shop.services.items()}
    assert roles == {
        "web": "http",  # the entry comes first
        "proxy": "proxy",
        "worker-mail": "worker",
        "db": "postgres",
        "cache": "redis",
        "search": "other",
    }
    assert shop.name == "corner-shop"
    assert "users' requests go to web" in shop.assumed


def test_restart_replicas_and_limits(shop: Stack) -> None:
    web, worker, proxy = (shop.services[name] for name in ("web", "worker-mail", "proxy"))
    assert (web.restart, web.restart_attempts) == ("on-failure", 4)  # deploy wins over always
    assert (worker.restart, worker.restart_attempts) == ("on-failure", 3)
    assert proxy.restart == "always"  # from the anchor
    assert (web.replicas, worker.replicas) == (2, 3)
    assert (web.memory.limit, web.memory.request) == (256 * Mi, 128 * Mi)  # binary, both cases
    assert (web.cpu.limit, web.cpu.request) == (0.5, 0.25)
    assert (worker.memory.limit, worker.cpu.limit) == (64 * Mi, 1.5)
    assert worker.memory.base == 32 * Mi


def test_health_stop_and_ports(shop: Stack) -> None:
    web, db = shop.services["web"], shop.services["db"]
    assert web.healthcheck == Healthcheck(interval=15.0, timeout=3.0, retries=5, start_period=20.0)
    assert db.healthcheck == Healthcheck()
    assert shop.services["worker-mail"].healthcheck is None
    assert (web.stop.grace, web.stop.drains) == (45.0, False)
    ports = {name: service.port for name, service in shop.services.items() if service.port}
    assert ports == {"proxy": 80, "db": 15432}


def test_options_of_the_stores(shop: Stack) -> None:
    db, cache = shop.services["db"], shop.services["cache"]
    assert (db.max_connections, db.superuser_reserved_connections) == (200, 5)
    assert (cache.persistence, cache.maxmemory, cache.eviction) == (
        "aof_always",
        100 * Mi,
        "allkeys",
    )


def test_clients_of_the_stores(shop: Stack) -> None:
    web, worker = shop.services["web"], shop.services["worker-mail"]
    assert web.database is not None
    assert web.database.pool == 7
    assert web.push.share == 0.2
    assert worker.database is None  # it names the cache and not the database
    assert worker.concurrency == 8
    assert web.depends_on == ["db", "cache"]  # migrate runs once and is gone
    assert web.waits_for == ["db"]  # condition: service_healthy, and a healthcheck to wait for


def test_what_is_left_out_is_said(shop: Stack) -> None:
    for line in (
        "seed: only with the profile tools",
        "migrate: runs once at the start",
        "logging: proxy, web (driver)",
        "web: deploy.restart_policy delay 5s (Compose ignores it)",
        "proxy: ports beside 80 (443)",
    ):
        assert line in shop.ignored


def test_other_platforms_follow_the_like_stack(shop: Stack) -> None:
    web = stack_on(shop, [Layer("kubernetes")]).services["web"]
    assert web.replicas == 3
    assert web.scaling is not None
    assert web.memory.limit == 256 * Mi  # the file's own
    assert web.cpu.request == 0.25
    assert web.stop.grace == 45.0
    worker = stack_on(shop, [Layer("kubernetes")]).services["worker-mail"]
    assert worker.replicas == 3  # the file's, more than the like stack's 2
    assert worker.scaling is not None
    assert worker.scaling.min == 3
    assert worker.cpu.request == 1.5  # a limit without a request is the request


def test_no_frills() -> None:
    stack = load_stack(str(DATA / "plain.yml"))
    roles = {name: service.role for name, service in stack.services.items()}
    assert next(iter(roles)) == "frontend"  # which asks the backend
    assert roles["reports"] == "postgres"  # a second database, which nobody asks
    assert roles["jobs"] == "worker"
    assert stack.services["redis"].persistence == "none"  # --save ""
    assert stack.services["redis"].maxmemory == 64 * Mi
    assert stack.services["backend"].port is None  # a range never collides
    assert stack.calls("frontend") == ["backend"]


def _roles(services: dict[str, dict[str, object]]) -> dict[str, str]:
    """Roles of services that stand in no file."""
    bodies = {n: normal(tree_of(Document("x", body))).plain() for n, body in services.items()}
    variables = {name: environment_of(body, {}) for name, body in bodies.items()}
    found, _ = mentions(bodies, variables)
    guesses = guess_roles(Scene(bodies, variables, found), {})
    return {name: guess.role for name, guess in guesses.items()}


@pytest.mark.parametrize(
    ("body", "role"),
    [
        ({"image": "bitnami/postgresql:15"}, "postgres"),
        ({"image": "timescale/timescaledb:latest-pg16"}, "postgres"),
        ({"image": "ghcr.io/valkey-io/valkey@sha256:00"}, "redis"),
        ({"image": "redislabs/redismod"}, "redis"),
        ({"image": "prometheuscommunity/postgres-exporter", "ports": ["9187:9187"]}, "other"),
        ({"image": "mariadb:10", "ports": ["3306:3306"]}, "postgres"),  # a database of any engine
        ({"build": ".", "ports": ["8000:8000"]}, "http"),
        ({"build": ".", "ports": ["53:53/udp"], "image": "acme/dnsmasq"}, "other"),
        ({"build": ".", "command": "bundle exec sidekiq"}, "worker"),
        ({"build": "."}, "other"),
        ({"build": {"context": "./docker/mysql"}}, "postgres"),
        ({"build": {"context": ".", "dockerfile": "docker/postgres.Dockerfile"}}, "postgres"),
        ({"image": "acme/db", "volumes": ["x:/var/lib/postgresql/data"]}, "postgres"),
        ({"image": "mcr.microsoft.com/mssql/server:2022-latest"}, "postgres"),
        ({"image": "mongo:7"}, "postgres"),
        ({"image": "acme/api", "command": "celery -A x beat"}, "other"),
        ({"image": "acme/api", "command": "sh -c 'rq worker high'"}, "worker"),
        ({"image": "edoburu/pgbouncer"}, "other"),
    ],
)
def test_one_role(body: dict[str, object], role: str) -> None:
    around = {"queue": {"image": "redis"}, "site": {"image": "x/site", "ports": ["1:80"]}}
    if role == "redis":
        del around["queue"]
    assert _roles({"thing": body, **around})["thing"] == role


def test_a_lone_proxy_answers_itself() -> None:
    assert _roles({"site": {"image": "nginx", "ports": ["80:80"]}})["site"] == "http"
    both = {"lb": {"image": "traefik"}, "app": {"build": ".", "ports": ["81:80"]}}
    assert _roles(both)["lb"] == "proxy"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$A/${A}", "1/1"),
        ("${B:-x}${B-x}", "x"),  # set and empty
        ("${C:-x}${C-y}", "xy"),
        ("${C:-${A}}", "1"),
        ("${C-${D:-z}}", "z"),
        ("${A:+yes}${B:+yes}${B+no}", "yesno"),
        ("${A:?needed}", "1"),
        ("$$A $ 5 ${C}", "$A $ 5 "),
    ],
)
def test_variables(text: str, value: str) -> None:
    assert expand(text, {"A": "1", "B": ""}, {}) == value


def test_unset_variables_are_said(tmp_path: Path) -> None:
    stack = _load(tmp_path, "services:\n  web: {image: 'x:${TAG}', ports: ['80:80']}\n")
    assert "the variable TAG is not set: empty, as Compose has it" in stack.assumed
    stack = _load(tmp_path, "services:\n  web: {image: 'x:${A}${B}${A}', ports: ['80:80']}\n")
    assert "the variables A, B are not set: empty, as Compose has it" in stack.assumed


def test_an_env_file() -> None:
    assert read_env(DATA / ".env") == {"TAG": "1.4", "EMPTY": ""}
    assert read_env(DATA / "none") == {}


def test_an_env_file_may_name_its_own_variables(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "KIND=${KIND:-cpu}\nCOMPOSE_PROFILES=${KIND},db\nRAW='${KIND}'\nX=\"$OUT-$KIND\"\n"
    )
    read = read_env(file, {"OUT": "a"})
    assert read == {"KIND": "cpu", "COMPOSE_PROFILES": "cpu,db", "RAW": "${KIND}", "X": "a-cpu"}
    file.write_text("A=1\nB=${C:?say which}\n")
    with pytest.raises(InputError, match=r"\.env:2: found B=\$\{C:.*say which"):
        read_env(file)


def test_an_example_of_missing_values_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text("TAG=1\n")
    with pytest.raises(InputError, match=r"a copy of \.env\.example, which stands beside it"):
        _load(tmp_path, "services:\n  web: {image: 'x:${TAG:?}', ports: ['80:80']}\n")


def test_a_default_profile_is_taken_where_none_is_asked_for(tmp_path: Path) -> None:
    text = """services:
  all: {image: a/all, ports: ["3000:80"], profiles: [default]}
  app: {image: a/app, ports: ["3000:80"], profiles: [app]}
  db: {image: "postgres:16", profiles: [default, app]}
  mail: {image: a/api, profiles: [""], ports: ["81:81"]}
"""
    stack = _load(tmp_path, "\n".join(text.splitlines()[:4]))
    assert list(stack.services) == ["all", "db"]
    assert list(_load(tmp_path, text).services) == ["mail"]  # an empty name is asked for always


@pytest.mark.parametrize(
    ("entry", "port"),
    [
        ("8080:80", Published(8080, 8080, "tcp")),
        (8080, None),
        ("127.0.0.1:8001:8001", Published(8001, 8001, "tcp", "127.0.0.1")),
        (":8080:80", Published(8080, 8080, "tcp")),  # an empty address
        ("127.0.0.1::8001", None),
        ("[::1]:6001:6001/udp", Published(6001, 6001, "udp", "::1")),
        ("9090-9091:8080-8081", Published(9090, 9091, "tcp")),
        ({"target": 80, "published": "8080-8085"}, Published(8080, 8085, "tcp")),
        ({"target": 80}, None),
    ],
)
def test_ports(entry: object, port: Published | None) -> None:
    assert Node(Document("x"), (), entry).port() == port


@pytest.mark.parametrize(
    ("text", "size"),
    [
        *(("2b", 2), ("1024kb", Mi), ("300m", 300 * Mi), ("50M", 50 * Mi)),
        *(("1gb", 1024 * Mi), ("1.5G", 1536 * Mi), (1024, 1024), ("0", None)),
    ],
)
def test_sizes_are_binary(text: object, size: int | None) -> None:
    assert Node(Document("x"), (), text).size() == size


def test_a_reserved_word_is_no_policy(tmp_path: Path) -> None:
    stack = _load(tmp_path, "services:\n  web: {build: ., restart: no, ports: ['80:80']}\n")
    assert stack.services["web"].restart == "no"


def test_names_that_become_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a second service called 'web'"):
        _load(tmp_path, "services:\n  web: {build: ., ports: ['80:80']}\n  Web: {build: .}\n")


def test_the_first_compose_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no services; expected services:"):
        _load(tmp_path, "web:\n  image: nginx\n")


@pytest.mark.parametrize(("limit", "base"), [(0.5, 0.25), (1.5, 0.75), (2.0, 1.0), (3.0, 1.0)])
def test_a_process_at_rest_takes_at_most_half_of_its_limit(
    limit: float, base: float, tmp_path: Path
) -> None:
    """Multiples of what is assumed without a limit: who starts nearly full is killed by the first
    request."""
    text = "services:\n  web:\n    image: web\n    ports: ['80:80']\n"
    usual = _load(tmp_path, text).services["web"].memory.base
    limited = _load(tmp_path, f"{text}    mem_limit: {int(limit * usual)}\n")
    assert limited.services["web"].memory.base == int(base * usual)


@pytest.mark.parametrize(
    ("body", "loop"),
    [
        ({"image": "node:20"}, "node"),
        ({"build": ".", "command": "npm run start:prod"}, "npm"),
        ({"build": ".", "command": ["uvicorn", "app:app", "--host", "0.0.0.0"]}, "uvicorn"),
        ({"image": "library/golang:1.23"}, "golang"),
        ({"image": "nginx:1.27"}, "nginx"),
        ({"build": ".", "command": "gunicorn -k uvicorn.workers.UvicornWorker app:app"}, "uvicorn"),
        ({"build": ".", "command": "gunicorn app.wsgi"}, ""),
        ({"image": "puma", "command": "npm run assets"}, ""),
        ({"image": "acme/nodes:1"}, ""),
    ],
)
def test_what_runs_says_whether_it_accepts_at_once(body: dict[str, object], loop: str) -> None:
    assert event_loop(body) == loop


def test_an_event_loop_accepts_at_once_and_says_so(tmp_path: Path) -> None:
    stack = _load(tmp_path, "services: {api: {image: 'node:20', ports: ['80:3000']}}")
    assert stack.services["api"].accepts == "at_once"
    assert any("accepts at once" in line for line in stack.assumed)
    other = _load(tmp_path, "services: {api: {build: ., ports: ['80:3000']}}")
    assert other.services["api"].accepts == "one_by_one"


def test_a_worker_takes_from_the_queue_that_it_asks(tmp_path: Path) -> None:
    """Two queues with workers of their own; a third that nobody works on is none."""
    stack = _load(tmp_path, """
services:
  web:
    build: .
    ports: ["8000:8000"]
    environment:
      DATABASE_URL: postgres://u:p@db/shop
      CELERY_BROKER_URL: redis://queue:6379/0
      MAIL_QUEUE_URL: redis://mails:6379/0
  worker:
    build: .
    command: celery -A shop worker -c 4
    environment: {CELERY_BROKER_URL: "redis://queue:6379/0"}
  mail-worker:
    build: ./mail
    command: rq worker mails
    environment: {REDIS_URL: "redis://mails:6379/0"}
  queue: {image: redis:7}
  mails: {image: redis:7}
  sessions: {image: redis:7}
  db: {image: postgres:16}
""")  # fmt: skip
    assert sorted(stack.playing("redis")) == ["mails", "queue"]
    assert stack.services["sessions"].role == "other"
    assert (stack.queue_of("worker"), stack.queue_of("mail-worker")) == ("queue", "mails")
    pushes = {step.push: step.share for step in stack.services["web"].every_step if step.push}
    assert pushes == {"queue": 0.1, "mails": 0.1}  # as many jobs as one queue would get


def test_a_worker_of_a_broker_and_a_cache_has_one_queue(tmp_path: Path) -> None:
    stack = _load(tmp_path, """
services:
  web:
    build: .
    ports: ["8000:8000"]
    environment: {BROKER_URL: "amqp://rabbit:5672", REDIS_URL: "redis://redis:6379/0"}
  worker:
    build: .
    command: celery -A shop worker
    environment: {BROKER_URL: "amqp://rabbit:5672", REDIS_URL: "redis://redis:6379/0"}
  rabbit: {image: "rabbitmq:4"}
  redis: {image: redis:7}
""")  # fmt: skip
    assert list(stack.playing("redis")) == ["rabbit"]
    assert stack.queue_of("worker") == "rabbit"

"""Traits of public Compose files that were once read wrongly: small files of our own, a trait each.

The numbers (C01 ...) are those of the cases from the field that they stand for.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.control.rolling_updates.updates import SwarmUpdate
from sim.imports.evidence import Corrections
from sim.library.stacks import import_stack, load_stack
from sim.schema.fields import InputError
from sim.schema.stack import Stack
from sim.study.ask import Ask
from sim.study.comparison import compare
from sim.study.plan import plan

CASES = Path(__file__).parents[1] / "data" / "compose" / "cases"
Mi = 2**20


def _case(name: str) -> Stack:
    return load_stack(str(CASES / name))


def _said(lines: list[str], part: str) -> bool:
    return any(part in line for line in lines)


@pytest.mark.parametrize(
    ("name", "roles"),
    [
        (
            "built_postgres.yml",
            {"api": "http", "postgres": "postgres", "redis": "redis", "celeryworker": "worker",
             "celerybeat": "other"},
        ),
        ("vendor_postgres.yml", {"app": "http", "postgresql": "postgres", "redis": "redis"}),
        ("front_end.yml", {"front-end": "http", "edge-router": "proxy", "catalogue": "http"}),
        ("brokers.yml", {"web": "http", "kafka": "other", "redis": "redis", "mail": "other"}),
        (
            "beat.yml",
            {"web": "http", "dag-processor": "other", "celerybeat": "other", "db": "postgres",
             "redis": "redis"},
        ),
        ("mysql.yml", {"web": "http", "db": "postgres"}),
        ("nginx.yml",
         {"api": "http", "web": "proxy", "jobs": "worker", "db": "postgres", "redis": "redis"}),
    ],
)  # fmt: skip
def test_roles(name: str, roles: dict[str, str]) -> None:
    stack = _case(name)
    assert {name: service.role for name, service in stack.services.items()} == roles
    assert next(iter(stack.services)) == next(iter(roles))  # the entry


def test_a_built_database_has_its_users() -> None:
    stack = _case("built_postgres.yml")
    assert [n for n, s in stack.services.items() if s.database] == ["api", "celeryworker"]


def test_options_in_a_shell_are_read() -> None:
    cache = _case("redis_shell.yml").services["cache"]
    assert (cache.persistence, cache.maxmemory) == ("aof_everysec", 64 * Mi)


def test_profiles_of_the_env_file() -> None:
    stack = _case("profiles/docker-compose.yml")
    assert list(stack.services) == ["web", "db"]
    assert "toys: only with the profile toys" in stack.ignored


def test_a_dependency_that_may_be_absent() -> None:
    stack = _case("required_false.yml")
    assert "web: depends on metrics if it is there, and it is not" in stack.ignored


def test_extends_merges_deeply() -> None:
    api = _case("extends_merge.yml").services["api"]
    assert api.database is not None
    assert (api.database.pool, api.memory.limit, api.depends_on) == (25, 512 * Mi, ["db"])


def test_extends_from_another_file() -> None:
    stack = _case("extends_file/docker-compose.yml")
    api = stack.services["api"]
    assert api.database is not None
    assert (api.database.pool, api.restart) == (25, "always")
    origins = import_stack(str(CASES / "extends_file/docker-compose.yml")).origins
    assert origins["services.api.restart"].text.endswith("common.yml:4")
    assert origins["services.api.port"].text.endswith("docker-compose.yml:5")


def test_concurrency_stands_in_commands() -> None:
    services = _case("concurrency.yml").services
    counts = {name: s.concurrency for name, s in services.items() if s.role in ("http", "worker")}
    assert counts == {"web": 32, "worker": 16, "sidekiq": 25}
    # processes use a core each; Sidekiq's threads share one interpreter
    assert [services[n].cpu.threads for n in counts] == [8, 16, 1]


def test_pools_of_the_usual_libraries() -> None:
    services = _case("pools.yml").services
    pools = {name: s.database.pool for name, s in services.items() if s.database}
    assert pools == {
        "a": 40, "b": 64, "c": 40, "d": 33, "e": 50, "f": 22, "g": 17, "h": 44, "i": 10, "j": 21,
        "k": 18,
    }  # fmt: skip


def test_nginx_looks_once_and_says_so() -> None:
    stack = _case("nginx.yml")
    lookup = stack.services["web"].lookup
    assert lookup is not None
    assert lookup.once
    assert _said(stack.assumed, "web: looks names up when it starts and never again")


def test_one_port_on_two_addresses() -> None:
    services = _case("two_addresses.yml").services
    assert [service.port for service in services.values()] == [8080, None]


def test_typos_are_refused_with_the_nearest() -> None:
    with pytest.raises(InputError) as caught:
        _case("typos.yml")
    near = [issue.nearest for issue in caught.value.issues]
    assert near == ["restart", "healthcheck", "replicas"]
    assert caught.value.issues[2].field == "services.web.deploy.replica"


def test_another_engine_has_its_own_limit(tmp_path: Path) -> None:
    stack = _case("mysql.yml")
    assert stack.services["db"].max_connections == 50
    assert stack.services["web"].database is not None
    assert _said(stack.assumed, "db: MySQL")
    path = tmp_path / "compose.yml"
    path.write_text((CASES / "mysql.yml").read_text().replace("command: --max_connections=50", ""))
    assert load_stack(path).services["db"].max_connections == 151


def test_a_pooler_stands_before_the_database() -> None:
    stack = _case("pooler.yml")
    pooler = stack.services["db"].pooler
    assert pooler is not None
    assert (pooler.size, pooler.max_clients) == (25, 300)
    assert stack.services["web"].database is not None  # it asks the pooler


def test_up_waits_for_health() -> None:
    assert _case("up_waits.yml").services["api"].waits_for == ["db"]


def test_the_start_interval_is_read() -> None:
    stack = _case("start_interval.yml")
    check = stack.services["web"].healthcheck
    assert check is not None
    assert (check.interval, check.start_period, check.start_interval) == (60.0, 40.0, 2.0)
    assert "depends_on: web (db.restart)" in stack.ignored


def test_swarms_own_words_hold_on_swarm() -> None:
    stack = load_stack(str(CASES / "swarm.yml"))
    case = plan(Ask("bad_rollout", ["swarm"], stack=stack)).cases[0]
    update = case.choices.rolling_updates
    assert isinstance(update, SwarmUpdate)
    assert (update.parallelism, update.delay_s, update.order) == (2, 10.0, "start-first")
    assert (update.failure_action, update.max_failure_ratio) == ("rollback", 0.3)
    wins = ["swarm.rolling_updates.parallelism=1"]
    case = plan(Ask("bad_rollout", ["swarm"], stack=stack, settings=wins)).cases[0]
    assert case.choices.rolling_updates.parallelism == 1
    assert (
        plan(Ask("bad_rollout", ["compose"], stack=stack)).cases[0].stack.services["web"].replicas
    )


# --- corrections ----------------------------------------------------------------------------------


def test_a_role_is_corrected_by_a_word(tmp_path: Path) -> None:
    path = str(CASES / "nginx.yml")
    stack = load_stack(path, Corrections.of(["jobs=entry", "api=other"]))
    roles = {name: service.role for name, service in stack.services.items()}
    assert roles["api"] == "other"
    assert next(iter(roles)) == "jobs"
    assert roles["jobs"] == "http"
    text = (
        Path(path)
        .read_text()
        .replace("command: node worker.js", "x-sim: {role: entry, concurrency: 7}")
    )
    own = tmp_path / "compose.yml"
    own.write_text(text)
    own_stack = load_stack(own)
    assert next(iter(own_stack.services)) == "jobs"
    assert own_stack.services["jobs"].concurrency == 7


@pytest.mark.parametrize("role", ["http", "worker", "postgres", "redis", "proxy", "other", "entry"])
@pytest.mark.parametrize("name", ["web", "api", "jobs", "db", "redis"])
def test_any_corrected_role_gives_a_valid_stack(name: str, role: str) -> None:
    stack = load_stack(str(CASES / "nginx.yml"), Corrections.of([f"{name}={role}"]))
    assert stack.playing("http")
    given = {"entry": "http"}.get(role, role)
    if (name, role) == ("redis", "worker"):  # the last queue is gone
        given = "other"
        assert _said(stack.assumed, "no queue that it could take jobs from")
    assert stack.services[name].role == given


def test_a_link_is_added() -> None:
    path = str(CASES / "front_end.yml")
    imported = import_stack(path, corrections=Corrections.of((), ["front-end->catalogue"]))
    assert [(link.caller, link.callee) for link in imported.links] == [
        ("front-end", "catalogue"),
        ("edge-router", "front-end"),  # nothing else stands behind it
    ]
    assert not any("catalogue" in line and "who calls" in line for line in imported.questions)


@pytest.mark.parametrize(
    ("roles", "links", "says"),
    [
        (["web"], [], "--role: found 'web'; expected NAME=ROLE"),
        (["web=http"], ["a-b"], "--link: found 'a-b'; expected CALLER->CALLEE"),
        (["web=htp"], [], "did you mean http"),
        (["wep=http"], [], "did you mean web"),
        ([], ["web->dbb"], "did you mean db"),
    ],
)
def test_wrong_corrections(roles: list[str], links: list[str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        load_stack(str(CASES / "nginx.yml"), Corrections.of(roles, links))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("x-sim: htpp", "did you mean http"),
        ("x-sim: [http]", "expected a role, or a mapping"),
        ("x-sim: {calls: dbb}", "did you mean db"),
        ("x-sim: {concurrenci: 3}", "did you mean concurrency"),
        ("x-sim: {concurrency: many}", "whole number"),
    ],
)
def test_a_wrong_x_sim(line: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "compose.yml"
    path.write_text(
        "services:\n  web:\n    image: a/web\n    ports: ['80:80']\n"
        f"    {line}\n  db: {{image: postgres}}\n"
    )
    with pytest.raises(InputError, match=says) as caught:
        load_stack(path)
    assert "compose.yml:5" in str(caught.value)


# --- several files --------------------------------------------------------------------------------


def _write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        (folder / f"{name}.yml").write_text(text)


def test_files_over_each_other(tmp_path: Path) -> None:
    _write(
        tmp_path,
        base="""
services:
  web:
    image: a/web
    command: gunicorn -w 2 app
    ports: ["8080:80", "9:9"]
    environment: {DB_POOL: "5", DB_HOST: db}
    restart: always
  db: {image: "postgres:16"}
""",
        prod="""
services:
  web:
    command: gunicorn -w 4 app
    ports: !override ["80:80"]
    environment: ["DB_POOL=9"]
    restart: !reset null
  cron: {image: a/cron}
""",
    )
    names = f"{tmp_path}/base.yml,{tmp_path}/prod.yml"
    web = load_stack(names).services["web"]
    assert web.database is not None
    assert (web.concurrency, web.port, web.restart, web.database.pool) == (4, 80, "no", 36)
    assert import_stack(*names.split(",")).origins["services.web.port"].text.endswith("prod.yml:5")


def test_a_project_says_more_of_what_it_includes(tmp_path: Path) -> None:
    (tmp_path / "infra").mkdir()
    _write(tmp_path / "infra", stores="services: {db: {image: 'postgres:16', mem_limit: 1g}}\n")
    _write(tmp_path, compose="include: [infra/stores.yml]\nservices:\n  web: {image: a/web, "
           "ports: ['80:80'], depends_on: [db]}\n  db: {mem_limit: 2g}\n")  # fmt: skip
    stack = load_stack(str(tmp_path / "compose.yml"))
    assert (list(stack.services), stack.services["db"].memory.limit) == (["web", "db"], 2048 * Mi)


def test_what_an_image_is_built_on(tmp_path: Path) -> None:
    """A gateway of nginx is a proxy, a page that nginx serves is a page; a stage names its base."""
    (tmp_path / "Dockerfile").write_text("FROM nginx:1 AS base\nFROM base\nCOPY . /x\n")
    (tmp_path / "Storage").write_text("FROM postgres:16 AS one\nFROM node AS two\n")
    _write(tmp_path, stack="services:\n  api-gateway: {build: ., ports: ['80:80'], "
           "depends_on: [later]}\n  frontend: {build: .}\n"
           "  storage: {build: {context: ., dockerfile: Storage, target: one}}\n")  # fmt: skip
    stack = load_stack(str(tmp_path / "stack.yml"))
    roles = {name: service.role for name, service in stack.services.items()}
    assert roles == {"frontend": "http", "api-gateway": "proxy", "storage": "postgres"}
    assert "api-gateway: depends on later, which is not there" in stack.ignored


def test_an_image_of_an_nginx_and_its_configuration_is_that_proxy(tmp_path: Path) -> None:
    """And what it asks stands there, be it in Lua."""
    (tmp_path / "Edge").write_text("FROM openresty/openresty\nCOPY a.conf api.lua /etc/nginx/\n")
    (tmp_path / "api.lua").write_text('pool:connection(OrdersClient, "orders" .. suffix, 9090)\n')
    _write(tmp_path, edge="services:\n  edge: {build: {context: ., dockerfile: Edge}, ports: "
           "['80:80'], volumes: ['./api.lua:/lua/api.lua']}\n  users: {image: a/shop, command: "
           "users}\n  orders: {image: a/shop, command: orders}\n")  # fmt: skip
    imported = import_stack(str(tmp_path / "edge.yml"))
    assert imported.stack.services["edge"].role == "proxy"
    assert imported.stack.entry == "orders"
    told = {(link.caller, link.callee, link.confidence) for link in imported.links}
    assert told == {("edge", "orders", "high"), ("orders", "users", "low")}


def test_which_is_in_front_is_asked_where_nothing_says_so(tmp_path: Path) -> None:
    pages = "services:\n  hub: {{image: a/hub, expose: [80]{0}}}\n"
    pages += "  brief: {{image: a/brief, expose: [80]}}\n"
    _write(tmp_path, asked=pages.format(""), told=pages.format(", ports: ['80:80']"))
    asked = load_stack(str(tmp_path / "asked.yml"))
    assert _said(asked.questions, "no port or proxy says who is in front: --role NAME=entry")
    assert not _said(load_stack(str(tmp_path / "told.yml")).questions, "in front")


def test_what_has_nothing_to_do_is_asked_for(tmp_path: Path) -> None:
    _write(tmp_path, idle="services:\n  web: {image: a/web, ports: ['80:80'], environment: {STORE: "
           "'redis://store:6379'}}\n  worker: {image: a/web, command: celery -A a worker, "
           "depends_on: [web]}\n  db: {image: 'postgres:16'}\n"
           "  old: {image: 'mysql:8'}\n")  # fmt: skip
    stack = load_stack(str(tmp_path / "idle.yml"))
    assert _said(stack.questions, "who uses db, old? (--link 'web->db' --link 'web->old'")
    assert _said(stack.questions, "where do the jobs of worker come from? No queue is in the file")
    assert _said(stack.questions, "is store a provider's? redis at store (STORE of web) is not in")


def test_a_worker_that_starts_after_its_web_service_calls_it_no_more(tmp_path: Path) -> None:
    """Of a password the last @ is its end, and a virtual host is no address."""
    _write(tmp_path, late="services:\n  web: {image: a/web, ports: ['80:80'], environment: "
           "{DB_URL: 'postgres://u:p@ss@db:5432/x', RABBITMQ_DEFAULT_VHOST: shop}}\n"
           "  worker: {image: a/web, command: celery -A a worker, depends_on: [web, queue]}\n"
           "  db: {image: 'postgres:16'}\n  queue: {image: 'rabbitmq:4'}\n")  # fmt: skip
    stack = load_stack(str(tmp_path / "late.yml"))
    assert (stack.calls("worker"), stack.playing("worker")) == ([], ["worker"])
    assert _said(stack.assumed, "web uses db (DB_URL)")
    assert not _said(stack.ignored, "shop")


def test_what_ports_and_variables_say(tmp_path: Path) -> None:
    """A broker's port is its jobs'; who may ask is no callee; `WORKERS_COUNT` is Redash's."""
    _write(tmp_path, said="services:\n  web: {image: a/web, ports: ['80:80']}\n"
           "  api: {image: a/api, ports: ['81:80'], environment: {CORS_ORIGINS: 'http://web', "
           "WEB_SERVER_CONCURRENCY: 3}}\n"
           "  work: {image: a/api, command: worker, environment: {AMQP: 'amqp://queue', "
           "WORKERS_COUNT: 2}}\n"
           "  queue: {image: 'rabbitmq:4', ports: ['15672:15672', '5673:5672']}\n")  # fmt: skip
    stack = load_stack(str(tmp_path / "said.yml"))
    assert stack.services["queue"].port == 5673
    assert [stack.services[name].concurrency for name in ("api", "work")] == [3, 2]
    assert (stack.calls("api"), stack.playing("worker")) == ([], ["work"])


def test_users_ask_a_service_though_it_asks_another_that_they_ask(tmp_path: Path) -> None:
    _write(tmp_path, doors="services:\n  web: {image: a/web, ports: ['80:80']}\n"
           "  api: {image: a/api, "
           "ports: ['81:80']}\n  chat: {image: a/chat, ports: ['82:80'], "
           "environment: {API_URL: 'http://api'}}\n")  # fmt: skip
    stack = load_stack(str(tmp_path / "doors.yml"))
    assert (stack.entry, list(stack.mix)) == ("web", ["api", "chat"])


def test_included_files(tmp_path: Path) -> None:
    (tmp_path / "infra").mkdir()
    _write(tmp_path / "infra", stores="services:\n  db: {image: 'postgres:${PG:-15}'}\n")
    (tmp_path / "infra" / ".env").write_text("PG=16\n")
    _write(tmp_path, compose="include: [infra/stores.yml]\nservices:\n  web:\n    image: a/web\n"
           "    ports: ['80:80']\n    depends_on: [db]\n")  # fmt: skip
    stack = load_stack(tmp_path / "compose.yml")
    assert stack.services["db"].role == "postgres"
    assert _said(stack.ignored, "postgres:16")  # by the included folder's own .env
    _write(tmp_path, only="include:\n  - path: [infra/stores.yml]\n  - path: compose2.yml\n",
           compose2="services:\n  api: {image: a/api, ports: ['1:1']}\n")  # fmt: skip
    assert list(load_stack(tmp_path / "only.yml").services) == ["api", "db"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("include: [nowhere.yml]\nservices: {a: {image: x}}\n", "no such file 'nowhere.yml'"),
        ("include: [compose.yml]\nservices: {a: {image: x}}\n", "a circle of includes"),
        ("services: {a: {extends: {file: no.yml, service: b}}}\n", "no such file 'no.yml'"),
        ("services: {a: {extends: b}, b: {extends: a}}\n", "the cycle a -> b -> a"),
        ("services: {a: {extends: {service: bb}}, b: {image: x}}\n", "did you mean b"),
        ("services: {a: {image: x, volumes: {a: b}}}\n", "expected a list of volumes"),
        (
            "services: {a: {image: x, ports: [{target: 1, publihed: 2}]}}\n",
            "did you mean published",
        ),
        ("services: {a: {image: 'x:${NO:?say which}'}}\n", "a value for NO in .env .say which"),
    ],
)
def test_wrong_files(text: str, says: str, tmp_path: Path) -> None:
    _write(tmp_path, compose=text)
    with pytest.raises(InputError, match=says):
        load_stack(tmp_path / "compose.yml")


def test_variables_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "web.env").write_text("DB_POOL=31\nLOG=debug\nDATABASE_URL=postgres://db/x\n")
    _write(tmp_path, compose="services:\n  web:\n    image: a/web\n    ports: ['80:80']\n"
           "    env_file: web.env\n  db: {image: postgres}\n")  # fmt: skip
    stack = load_stack(tmp_path / "compose.yml")
    assert stack.services["web"].database is not None
    assert stack.services["web"].database.pool == 31
    assert "variables of env_file: web (LOG)" in stack.ignored
    assert _said(stack.assumed, "pool of 31, from DB_POOL")


# --- proxies --------------------------------------------------------------------------------------


def test_the_web_behind_traefik_is_the_entry(tmp_path: Path) -> None:
    _write(
        tmp_path,
        compose="""
services:
  traefik: {image: "traefik:v3", ports: ["80:80"], command: --providers.docker}
  shop:
    image: bakery/shop
    labels: ["traefik.enable=true", "traefik.http.routers.shop.rule=Host(`x`)"]
    depends_on: [redis]
  redis: {image: redis}
""",
    )
    stack = load_stack(tmp_path / "compose.yml")
    assert {n: s.role for n, s in stack.services.items()} == {
        "shop": "http", "traefik": "proxy", "redis": "redis",
    }  # fmt: skip
    assert stack.services["traefik"].lookup is None  # it hears of changes


@pytest.mark.parametrize(
    ("line", "once"),
    [
        ("proxy_pass http://app:3000;", True),
        ("resolver 127.0.0.11 valid=10s; set $a app; proxy_pass http://$a:3000;", False),
    ],
)
def test_what_nginx_says_itself(line: str, once: bool, tmp_path: Path) -> None:
    directives = "\n".join(f"    {part.strip()};" for part in line.split(";") if part.strip())
    text = f"server {{\n  location / {{\n{directives}\n  }}\n}}\n# http://nobody:3000\n"
    (tmp_path / "nginx.conf").write_text(text)
    _write(
        tmp_path,
        compose="""
services:
  lb: {image: nginx, ports: ["80:80"], volumes: ["./nginx.conf:/etc/nginx/nginx.conf:ro"]}
  app: {image: bakery/app}
""",
    )
    lookup = load_stack(tmp_path / "compose.yml").services["lb"].lookup
    assert lookup is not None
    assert lookup.once is once
    assert once or lookup.ttl == 10.0


def test_a_bare_proxy_is_asked_about(tmp_path: Path) -> None:
    _write(tmp_path, compose="services:\n  lb: {image: nginx, ports: ['80:80']}\n")
    stack = load_stack(tmp_path / "compose.yml")
    assert stack.services["lb"].role == "http"
    assert _said(stack.questions, "what answers behind lb?")


# --- in a run -------------------------------------------------------------------------------------


def test_moving_target_runs_with_the_files_own_nginx() -> None:
    """It keeps the address of before (C16, C26); Docker gives an API that is recreated alone its
    own back, so that a neighbour has to go first, as in the scenario."""
    stack = str(CASES / "nginx.yml")
    short = {"scenario.horizon": "20m"}
    once = compare("moving_target", ["compose"], 1, 1, stack, short).platforms["compose"]
    assert once["downtime_s"] > 120
    again = compare("moving_target:valid", ["compose"], 1, 1, stack, short).platforms["compose"]
    assert again["downtime_s"] < 60


def test_up_starts_the_api_when_the_database_is_healthy(tmp_path: Path) -> None:
    """The database's first check comes after an interval of 30 s (W47)."""
    path = tmp_path / "story.yaml"
    path.write_text(
        "name: story\ntitle: a story\nlesson: a case from the field\nhorizon: 20m\n"
        "traffic: {rate: 4/s}\nplatforms: [compose]\n"
        "events: [{at: 5m, server_crash: {hosting: postgres}}]\n"
    )
    timeline = compare(str(path), reps=1, stack=str(CASES / "up_waits.yml")).runs[0].timeline
    started = {row.subject: row.t_s for row in timeline if row.event == "start"}
    listens = {row.subject: row.t_s for row in timeline if row.event == "listening"}
    assert started["api-1"] - listens["db-1"] > 20

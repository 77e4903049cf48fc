"""Inputs with one thing wrong each: what is replaced in a good file, and what must be said."""

from __future__ import annotations

from typing import NamedTuple

SCENARIO = """\
name: shop
title: A shop
lesson: what happens
horizon: 10m
traffic:
  rate: 5/s
  client: {timeout: 2s, retries: 2}
events:
  - at: 5m
    operator_kill: {service: api}
claims:
  - {id: S1a, says: it stays down, platform: compose, metric: downtime_s, low: 120}
platforms: [compose, kubernetes]
variants:
  calm: {says: nothing happens, events: []}
"""

STACK = """\
name: small
services:
  api:
    role: http
    port: 3000
    cpu: {demand: {exponential: 12ms}}
    memory: {base: 100Mi, limit: 512Mi}
    database: {demand: 4ms, pool: 10}
    push: {share: 20%}
    scaling: {min: 1, max: 4}
    depends_on: [db, queue]
  jobs: {role: worker, depends_on: [db]}
  db: {role: postgres, max_connections: 100}
  queue: {role: redis}
servers: {machine: {cores: 4, memory: 8Gi}}
on:
  kubernetes: {services: {api: {replicas: 3}}}
"""

COMPOSE = """\
services:
  api:
    image: shop/api:1
    ports: ["3000:3000"]
    depends_on: [db]
    deploy: {resources: {limits: {memory: 512M, cpus: "0.5"}}}
  db:
    image: postgres:16
    healthcheck: {test: pg_isready, interval: 10s}
"""


class Bad(NamedTuple):
    """`old` -> `new` in a good file; then one issue at `line`, of `field`, which says all of
    `says`."""

    name: str
    old: str
    new: str
    line: int
    field: str
    says: tuple[str, ...]


SCENARIOS = (
    Bad("not yaml", "horizon: 10m", "horizon: : 10m", 4, "", ("not YAML",)),
    Bad("tab", "  rate: 5/s", "\trate: 5/s", 6, "", ("not YAML", "'\\t'")),
    Bad("unclosed", "[compose, kubernetes]", "[compose, kubernetes", 14, "", ("not YAML",)),
    Bad("unknown alias", "rate: 5/s", "rate: *busy", 6, "", ("not YAML", "'busy'")),
    Bad("two documents", "events:", "---\nevents:", 9, "", ("second document",)),
    Bad("duplicate key", "title: A", "name: A", 2, "name", ("'name' again", "line 1")),
    Bad("duplicate inside", "retries: 2", "timeout: 2s", 7, "traffic.client.timeout", ("again",)),
    Bad("recursive alias", "rate: 5/s", "rate: &x [*x]", 6, "traffic.rate.0", ("own anchor",)),
    Bad("missing field", "horizon: 10m\n", "", 1, "", ("found nothing", "'horizon'")),
    Bad(
        "unknown key",
        "retries: 2",
        "retrys: 2",
        7,
        "traffic.client.retrys",
        ("unknown field 'retrys'", "one of timeout, ", "did you mean retries?"),
    ),
    Bad("negative time", "at: 5m", "at: -5m", 9, "events.0.at", ("'-5m'", "duration", "mean 5m?")),
    Bad("time without unit", "at: 5m", "at: 300", 9, "events.0.at", ("300", "unit", "300s?")),
    Bad("time in words", "at: 5m", "at: 5 minutes", 9, "events.0.at", ("'5 minutes'", "5m")),
    Bad("month", "at: 5m", "at: 3mm", 9, "events.0.at", ("'3mm'", "duration")),
    Bad("nan", "at: 5m", "at: .nan", 9, "events.0.at", ("nan", "duration")),
    Bad("infinity", "at: 5m", "at: .inf", 9, "events.0.at", ("inf", "duration")),
    Bad("null time", "at: 5m", "at:", 9, "events.0.at", ("found nothing", "duration")),
    Bad("endless", "at: 5m", f"at: {'9' * 30}h", 9, "events.0.at", ("duration",)),
    Bad("zero horizon", "horizon: 10m", "horizon: 0", 4, "horizon", ("found 0", "more than 0")),
    Bad("negative rate", "5/s", "-5/s", 6, "traffic.rate", ("'-5/s'", "300/min", "mean 5/s?")),
    Bad("rate without unit", "5/s", "5", 6, "traffic.rate", ("found 5", "unit", "5/s?")),
    Bad("rate a day", "5/s", "5/day", 6, "traffic.rate", ("'5/day'", "10/h")),
    Bad("size for a count", "retries: 2", "retries: 512MB", 7, "traffic.client.retries",
        ("'512MB'", "whole number", "without a unit")),
    Bad("half a count", "retries: 2", "retries: 2.5", 7, "traffic.client.retries", ("2.5",)),
    Bad("true for a count", "retries: 2", "retries: true", 7, "traffic.client.retries", ("true",)),
    Bad("two sources", "rate: 5/s", "rate: 5/s\n  trace: x.csv", 5, "traffic",
        ("rate and trace", "exactly one")) ,
    Bad("users without think", "rate: 5/s", "users: 5", 5, "traffic", ("without think", "both")),
    Bad("users who never think", "rate: 5/s", "users: 5\n  think: 1ms", 7, "traffic.think",
        ("0.001s", "at least 0.01s")),
    Bad("a rate and users at once", "rate: 5/s", "points: [{rate: 5/s, users: 3}]", 6,
        "traffic.points.0", ("both", "exactly one of rate and users")),
    Bad("points of two kinds", "rate: 5/s",
        "points: [{rate: 5/s}, {at: 9s, users: 3}]\n  think: 5s", 6, "traffic.points",
        ("rates and users", "points of one kind")),
    Bad("users over time who never think", "rate: 5/s", "points: [{users: 3}]", 5, "traffic",
        ("users without think", "both of users and think")),
    Bad("too many users", "rate: 5/s", "users: 70000\n  think: 5s", 6, "traffic.users",
        ("70000", "65536")),
    Bad("another rate for users",
        "rate: 5/s\n  client: {timeout: 2s, retries: 2}\nevents:\n  - at: 5m\n"
        "    operator_kill: {service: api}",
        "users: 5\n  think: 5s\nevents:\n  - at: 5m\n    traffic: {rate: 1/s}", 10,
        "events.0.traffic", ("users who come back",)),
    Bad("no source", "  rate: 5/s\n", "", 5, "traffic", ("none of rate", "exactly one")),
    Bad("points in disorder", "rate: 5/s", "points: [{at: 2m, rate: 1/s}, {at: 1m, rate: 2/s}]", 6,
        "traffic.points.1.at", ("60s after one at 120s", "in order")),
    Bad("ramp too long", "rate: 5/s",
        "points: [{rate: 1/s, ramp: 5m}, {at: 1m, rate: 2/s}]", 6,
        "traffic.points.0.ramp", ("300s", "60s later", "shorter")),
    Bad("point after the end", "rate: 5/s", "points: [{at: 20m, rate: 1/s}]", 6,
        "traffic.points.0.at", ("1200s", "before the horizon")),
    Bad("share above 1", "platforms:", "slo: {success: 98}\nplatforms:", 13, "slo.success",
        ("found 98", "mean 98%?")),
    Bad("down above success", "platforms:", "slo: {success: 40%}\nplatforms:", 13,
        "slo.down_below", ("0.5 above success 0.4",)),
    Bad("unknown event", "operator_kill", "operator_kil", 10, "events.0.operator_kil",
        ("'operator_kil'", "process_crash", "mean operator_kill?")),
    Bad("no event", "    operator_kill: {service: api}\n", "", 9, "events.0",
        ("no kind of event", "exactly one of operator_kill")),
    Bad("two events", "{service: api}", "{service: api}\n    hang: {service: api}", 9, "events.0",
        ("operator_kill and hang", "exactly one")),
    Bad("event after the end", "at: 5m", "at: 50m", 9, "events.0.at",
        ("3000s", "horizon of 600s", "before the horizon")),
    Bad("event at the very end", "at: 5m", "at: 10m", 9, "events.0.at",
        ("600s with a horizon of 600s", "before the horizon")),
    Bad("point at the very end", "rate: 5/s", "points: [{at: 10m, rate: 1/s}]", 6,
        "traffic.points.0.at", ("600s with a horizon of 600s",)),
    Bad("unknown service", "service: api", "service: apii", 10, "events.0.operator_kill.service",
        ("'apii'", "(api, worker, postgres, redis)", "mean api?")),
    Bad("role nobody plays", "service: api", "service: proxy", 10,
        "events.0.operator_kill.service", ("'proxy'", "a role it plays")),
    Bad("unknown service to scale", "operator_kill: {service: api}",
        "scale: {services: {workr: 50}}", 10, "events.0.scale.services.workr",
        ("'workr'", "mean worker?")),
    Bad("a password of no database", "operator_kill: {service: api}",
        "rotate_secret: {service: redis}", 10, "events.0.rotate_secret.service",
        ("redis, a service of role redis", "postgres")),
    Bad("a flush of no cache", "operator_kill: {service: api}", "cache_flush: {service: http}", 10,
        "events.0.cache_flush.service", ("http, a service of role http", "role cache; there is")),
    Bad("no replicas to kill", "service: api", "service: api, replicas: 0", 10,
        "events.0.operator_kill.replicas", ("found 0", "at least 1")),
    Bad("no such server", "operator_kill: {service: api}", "server_crash: {server: 7}", 10,
        "events.0.server_crash.server", ("server 7", "below 1: so many servers compose has")),
    Bad("no such zone", "operator_kill: {service: api}", "zone_down: {zone: a}", 10,
        "events.0.zone_down.zone", ("a, a zone that no server has", "`servers.zones`")),
    Bad("a path with its far end alone", "operator_kill: {service: api}\n",
        "latency: {round_trip: 1s, other_side: [api], lasts: 1m}\n",
        10, "events.0.latency.side", ("nobody", "who stands on this side")),
    Bad("a mended nobody", "operator_kill: {service: api}", "mend_network: {side: [apj]}", 10,
        "events.0.mend_network.side.0", ("apj", "a zone, a service", "mean api?")),
    Bad("a path of users", "operator_kill: {service: api}\n",
        "latency: {round_trip: 1s, side: [control_plane], lasts: 1m}\n",
        10, "events.0.latency.side.0", ("control_plane", "a zone, a service, `server-2`")),
    Bad("a path into nowhere", "operator_kill: {service: api}\n",
        "latency: {round_trip: 1s, side: [east], other_side: [wst], lasts: 1m}\n"
        "set: {stack.servers.zones: [east, west]}\n",
        10, "events.0.latency.other_side.0", ("wst", "mean west?")),
    Bad("a zone mistyped", "operator_kill: {service: api}\n",
        "zone_down: {zone: eastt}\nset: {stack.servers.zones: [east, west]}\n", 10,
        "events.0.zone_down.zone", ("eastt, a zone", "one of east, west", "mean east?")),
    Bad("bad version", "operator_kill: {service: api}",
        "deploy: {service: api, version: {error_rate: 2}}", 10,
        "events.0.deploy.version.error_rate", ("found 2", "2%?")),
    Bad("claim without bounds", ", low: 120", "", 12, "claims.0", ("neither low nor high",)),
    Bad("claim upside down", "low: 120", "low: 120, high: 60", 12, "claims.0.low",
        ("low 120 above high 60",)),
    Bad("unknown metric", "downtime_s", "downtime", 12, "claims.0.metric",
        ("'downtime'", "mean downtime_s?")),
    Bad("unknown platform of a claim", "platform: compose", "platform: compos", 12,
        "claims.0.platform", ("'compos'", "mean compose?")),
    Bad("unknown platform", "[compose, kubernetes]", "[compose, kubernets]", 13, "platforms.1",
        ("'kubernets'", "one of cloud_run, compose, ", "mean kubernetes?")),
    Bad("no platform", "[compose, kubernetes]", "[]", 13, "platforms", ("empty list",)),
    Bad("unknown stack", "horizon: 10m", "horizon: 10m\nstack: ssp", 5, "stack",
        ("'ssp'", "mean sspp?")),
    Bad("missing trace", "rate: 5/s", "trace: none.csv", 6, "traffic.trace",
        ("no such file 'none.csv'", "beside the scenario")),
    Bad("setting of nothing", "platforms:", "set: {stack.services.api.replica: 5}\nplatforms:", 13,
        "set.stack.services.api.replica", ("'replica'", "mean replicas?")),
    Bad("setting of no service", "platforms:", "set: {stack.services.apo.replicas: 5}\nplatforms:",
        13, "set.stack.services.apo.replicas", ("'apo'", "one of api, worker", "mean api?")),
    Bad("setting with a bad value", "platforms:",
        "set: {stack.services.api.memory.limit: 512MB}\nplatforms:", 13,
        "set.stack.services.api.memory.limit", ("'512MB'", "512Mi")),
    Bad("setting of the scenario", "platforms:", "set: {scenario.horizn: 5m}\nplatforms:", 13,
        "set.scenario.horizn", ("'horizn'", "mean horizon?")),
    Bad("setting of no platform", "platforms:", "set: {kubernets.autoscaling: null}\nplatforms:",
        13, "set.kubernets.autoscaling", ("'kubernets'", "mean kubernetes?")),
    Bad("variant in the file", "horizon: 10m", "horizon: 10m\nvariant: calm", 5, "variant",
        ("NAME:VARIANT",)),
    Bad("variant without words", "{says: nothing happens, events: []}", "{events: []}", 15,
        "variants.calm", ("'says'",)),
    Bad("bad name", "name: shop", "name: My Shop", 1, "name", ("'My Shop'", "mean my-shop?")),
    Bad("number for text", "title: A shop", "title: 7", 2, "title", ("found 7", "quotes")),
    Bad("list for a mapping", "{timeout: 2s, retries: 2}", "[2s]", 7, "traffic.client",
        ("a list", "a mapping")),
)  # fmt: skip

STACKS = (
    Bad("unknown role", "role: redis", "role: reddis", 14, "services.queue.role",
        ("'reddis'", "'redis'", "mean redis?")),
    Bad("no role", "role: redis", "replicas: 1", 14, "services.queue", ("nothing", "'role'")),
    Bad("megabytes", "512Mi", "512MB", 7, "services.api.memory.limit",
        ("'512MB'", "512Mi (powers of 1024) or 512M (powers of 1000)")),
    Bad("half a byte", "512Mi", "0.5", 7, "services.api.memory.limit", ("0.5", "512Mi")),
    Bad("milli of what", "cores: 4", "cores: 4k", 15, "servers.machine.cores", ("'4k'", "500m")),
    Bad("more zones than the network has segments", "servers: {machine",
        f"servers: {{zones: [{', '.join(f'z{i}' for i in range(31))}], machine", 15,
        "servers.zones.30", ("31 zones", "at most 30")),
    Bad("a round trip that is no time", "servers: {machine",
        "network: {between_zones: far}\nservers: {machine", 15,
        "network.between_zones.mean", ("far",)),
    Bad("a zone twice", "servers: {machine", "servers: {zones: [a, a], machine", 15,
        "servers.zones.1", ("a a second time", "each zone once")),
    Bad("no core", "cores: 4", "cores: 0", 15, "servers.machine.cores", ("0 of 0", "cores left")),
    Bad("unknown law", "{exponential: 12ms}", "{exponentail: 12ms}", 6,
        "services.api.cpu.demand", ("a mapping", "{lognormal: {mean: 20ms, cv: 0.5}}")),
    Bad("law without cv", "{exponential: 12ms}", "{lognormal: {mean: 12ms}}", 6,
        "services.api.cpu.demand", ("a law",)),
    Bad("law upside down", "{exponential: 12ms}", "{uniform: {low: 3s, high: 1s}}", 6,
        "services.api.cpu.demand", ("low is not above its high",)),
    Bad("law without unit", "{exponential: 12ms}", "{exponential: 12}", 6,
        "services.api.cpu.demand.mean", ("found 12", "unit", "12s?")),
    Bad("negative law", "demand: 4ms", "demand: -4ms", 8, "services.api.database.demand.mean",
        ("'-4ms'", "mean 4ms?")),
    Bad("port", "port: 3000", "port: 300000", 5, "services.api.port", ("300000", "1 to 65535")),
    Bad("one port twice", "queue: {role: redis}", "queue: {role: redis, port: 3000}", 14,
        "services.queue.port", ("3000, which api publishes", "another port")),
    Bad("cycle", "{role: redis}", "{role: redis, depends_on: [api]}", 11,
        "services.api.depends_on", ("api -> queue -> api",)),
    Bad("unknown dependency", "[db, queue]", "[db, queu]", 11, "services.api.depends_on",
        ("'queu'", "mean queue?")),
    Bad("somebody else's field", "role: redis", "role: redis, max_connections: 50", 14,
        "services.queue.max_connections", ("role redis", "only with role postgres")),
    Bad("pool opened too far", "pool: 10", "pool: 10, at_start: 20", 8,
        "services.api.database.at_start", ("at_start 20 above pool 10",)),
    Bad("memory above its limit", "base: 100Mi", "base: 1Gi", 7, "services.api.memory.base",
        ("above limit",)),
    Bad("a target of less than a percent", "max: 4", "max: 4, cpu: 0.4%", 10,
        "services.api.scaling.cpu", ("at least 1%",)),
    Bad("scaling upside down", "min: 1", "min: 9", 10, "services.api.scaling.min",
        ("min 9 above max 4",)),
    Bad("behavior without a policy", "max: 4", "max: 4, behavior: {up: {policies: []}}", 10,
        "services.api.scaling.behavior.up.policies", ("no policy", "at least one")),
    Bad("a policy of two kinds", "max: 4", "max: 4, behavior: {down: {policies: [{pods: 1, "
        "percent: 5, period: 1m}]}}", 10, "services.api.scaling.behavior.down.policies.0",
        ("pods and percent", "exactly one")),
    Bad("a policy of no kind", "max: 4", "max: 4, behavior: {up: {policies: [{period: 1m}]}}", 10,
        "services.api.scaling.behavior.up.policies.0", ("neither pods nor percent",)),
    Bad("a window beyond the API's", "max: 4", "max: 4, behavior: {down: {window: 61m}}", 10,
        "services.api.scaling.behavior.down.window", ("at most 1h",)),
    Bad("a period beyond the API's", "max: 4", "max: 4, behavior: {up: {policies: [{pods: 1, "
        "period: 1h}]}}", 10, "services.api.scaling.behavior.up.policies.0.period",
        ("at most 30m",)),
    Bad("nothing left to connect", "max_connections: 100", "max_connections: 3", 13,
        "services.db.max_connections", ("3 reserved of max_connections 3",)),
    Bad("attempts of no policy", "port: 3000", "restart_attempts: 3", 5,
        "services.api.restart_attempts", ("restart no", "on-failure")),
    Bad("queue of a worker", "queue: {role: redis}",
        "queue: {role: redis}\n  mailer: {role: worker, job: {queue: qeue}}", 15,
        "services.mailer.job.queue", ("'qeue'", "with role redis (one of queue)", "mean queue?")),
    Bad("dead letters of its own", "queue: {role: redis}",
        "queue: {role: redis}\n  mailer: {role: worker, job: {dead_letters: queue}}", 15,
        "services.mailer.job.dead_letters", ("queue -> queue", "no worker leads back")),
    Bad("dead letters in a circle", "queue: {role: redis}",
        "queue: {role: redis}\n  dead: {role: redis}\n"
        "  mailer: {role: worker, job: {dead_letters: dead}}\n"
        "  undertaker: {role: worker, job: {queue: dead, dead_letters: queue}}", 16,
        "services.mailer.job.dead_letters", ("queue -> dead -> queue", "no worker leads back")),
    Bad("schedule of no queue", "services:",
        "schedule: {mails: {push: qeue, every: 1h}}\nservices:",
        2, "schedule.mails.push", ("'qeue'", "with role redis (one of queue)", "mean queue?")),
    Bad("schedule of too many", "services:",
        "schedule: {mails: {push: queue, every: 1h, jobs: 10001}}\nservices:",
        2, "schedule.mails.jobs", ("10001", "10,000")),
    Bad("too many queues", "queue: {role: redis}",
        "queue: {role: redis}" + "".join(f"\n  q{i}: {{role: redis}}" for i in range(64)), 2,
        "services", ("65 services with role redis", "at most 64")),
    Bad("engine of a database for a queue", "queue: {role: redis}",
        "queue: {role: queue, engine: postgres}", 14, "services.queue.engine",
        ("PostgreSQL in a service of role redis", "one of redis, rabbitmq")),
    Bad("Patroni of MySQL", "max_connections: 100}",
        "engine: mysql, failover: {}}\n  copy: {role: database, follows: {primary: db}}", 13,
        "services.db.failover", ("failover, which MySQL does not have",)),
    Bad("a machine of SQS", "queue: {role: redis}",
        "queue: {role: queue, engine: sqs, managed: {standby: true}}", 14,
        "services.queue.managed", ("a machine of Amazon SQS", "it has none")),
    Bad("a latency of Redis", "queue: {role: redis}", "queue: {role: redis, latency: 5ms}", 14,
        "services.queue.latency", ("latency, which Redis does not have",)),
    Bad("a back-off of SQS", "queue: {role: redis}",
        "queue: {role: queue, engine: sqs}\n  mailer: {role: worker, job: {backoff: 2s}}", 15,
        "services.mailer.job.backoff", ("backoff of Amazon SQS", "visibility time-out")),
    Bad("Patroni of Redis", "queue: {role: redis}",
        "queue: {role: redis, failover: {}}\n  copy: {role: redis, follows: {primary: queue}}", 14,
        "services.queue.failover.by", ("patroni of Redis", "one of sentinel")),
    Bad("what Sentinel does not have", "queue: {role: redis}",
        "queue: {role: redis, failover: {by: sentinel, loop_wait: 5s}}\n"
        "  copy: {role: redis, follows: {primary: queue}}", 14,
        "services.queue.failover.loop_wait", ("loop_wait", "by sentinel does not have")),
    Bad("more replicas than there are", "queue: {role: redis}",
        "queue: {role: redis, min_replicas_to_write: 2}\n"
        "  copy: {role: redis, follows: {primary: queue}}", 14,
        "services.queue.min_replicas_to_write", ("2, and queue has 1 replica", "1 at most")),
    Bad("a replica of another kind", "queue: {role: redis}",
        "queue: {role: redis}\n  copy: {role: redis, follows: {primary: db}}", 15,
        "services.copy.follows.primary", ("'db'", "a primary (one of queue)")),
    Bad("jobs for a replica", "queue: {role: redis}",
        "queue: {role: redis}\n  copy: {role: redis, follows: {primary: queue}}\n"
        "schedule: {mails: {push: copy, every: 1h}}", 16,
        "schedule.mails.push", ("'copy'", "with role redis (one of queue)")),
    Bad("engine of no store", "queue: {role: redis}",
        "queue: {role: redis}\n  mailer: {role: worker, engine: rabbitmq}", 15,
        "services.mailer.engine", ("engine on a service with role worker", "postgres or redis")),
    Bad("what RabbitMQ does not have", "queue: {role: redis}",
        "queue: {role: queue, engine: rabbitmq, maxmemory: 1Gi}", 14, "services.queue.maxmemory",
        ("maxmemory, which RabbitMQ does not have",)),
    Bad("snapshots of RabbitMQ", "queue: {role: redis}",
        "queue: {role: queue, engine: rabbitmq, persistence: rdb}", 14,
        "services.queue.persistence", ("'rdb' of RabbitMQ", "one of none, durable")),
    Bad("worker without a queue", "queue: {role: redis}", "queue: {role: other}", 9,
        "services.api.push", ("no service with role redis",)),
    Bad("nobody answers", "role: http", "role: proxy", 2, "services", ("role http",)),
    Bad("patch of no service", "{services: {api:", "{services: {apo:", 17,
        "on.kubernetes.services.apo", ("'apo'", "mean api?")),
    Bad("patch of no field", "{replicas: 3}", "{replicas: 3, replica: 3}", 17,
        "on.kubernetes.services.api.replica", ("'replica'", "mean replicas?")),
    Bad("patch with a bad value", "{replicas: 3}", "{replicas: three}", 17,
        "on.kubernetes.services.api.replicas", ("'three'", "whole number")),
)  # fmt: skip

COMPOSES = (
    Bad("compose cycle", "pg_isready, interval: 10s}", "pg_isready}\n    depends_on: [api]", 5,
        "services.api.depends_on", ("api -> db -> api",)),
    Bad("compose dependency", "[db]", "[dbb]", 5, "services.api.depends_on",
        ("'dbb'", "mean db?")),
    Bad("compose key", "services:", "volume: {}\nservices:", 1, "volume",
        ("'volume'", "mean volumes?")),
    Bad("compose service of nothing", "  db:\n    image: postgres:16\n", "  db:\n  x:\n", 7,
        "services.db", ("found nothing", "image or build")),
    Bad("compose size", "512M", "512Q", 6, "services.api.deploy.resources.limits.memory",
        ("'512Q'", "512m")),
    Bad("compose cpus", '"0.5"', "half", 6, "services.api.deploy.resources.limits.cpus",
        ("'half'", "0.5")),
    Bad("compose port", "3000:3000", "3000:http", 4, "services.api.ports.0",
        ("'3000:http'", '"8080:80"')),
    Bad("compose port range", "3000:3000", "70000:3000", 4, "services.api.ports.0", ("65535",)),
    Bad("compose port twice", "image: postgres:16", 'image: postgres:16\n    ports: ["3000:1"]', 9,
        "services.db.ports.0", ("port 3000, which api publishes already",)),
    Bad("compose restart", "ports:", "restart: unless_stopped\n    ports:", 4,
        "services.api.restart", ("'unless_stopped'", "mean unless-stopped?")),
    Bad("compose policy", "{resources:", "{restart_policy: {condition: sometimes}, resources:", 6,
        "services.api.deploy.restart_policy.condition", ("'sometimes'", "on-failure")),
    Bad("compose interval", "interval: 10s", "interval: 10", 9, "services.db.healthcheck.interval",
        ("found 10", "mean 10s?")),
    Bad("compose test", "test: pg_isready", "test: [pg_isready]", 9,
        "services.db.healthcheck.test", ("a list", "CMD-SHELL")),
    Bad("compose replicas", "{resources:", "{replicas: many, resources:", 6,
        "services.api.deploy.replicas", ("'many'", "whole number")),
    Bad("compose variable", "shop/api:1", "${REGISTRY:?set it}/api", 3, "services.api.image",
        ("REGISTRY", "set it")),
    Bad("compose brace", "shop/api:1", "${REGISTRY/api", 3, "services.api.image", ("closing }",)),
    Bad("compose syntax", "shop/api:1", "${REG:ISTRY}", 3, "services.api.image",
        ("${NAME:-default}",)),
    Bad("compose extends", "image: shop/api:1", "extends: {service: bass}", 3,
        "services.api.extends", ("'bass'",)),
)  # fmt: skip

TRACES = (
    ("empty", "", 0, "", ("no data",)),
    ("only a header", "time,rate\n", 0, "", ("no data below the header",)),
    ("same time", "time,rate\n0,5\n0,6\n", 3, "time", ("'0'", "no row before")),
    ("negative rate", "0,5\n60,-6\n", 2, "rate", ("'-6'", "at least 0")),
    ("nan", "0,5\n60,nan\n", 2, "rate", ("'nan'", "number")),
    ("words", "0,5\nnoon,6\n", 2, "time", ("'noon'", "ISO 8601")),
    ("negative time", "-5,5\n", 1, "time", ("'-5'",)),
    ("three columns", "0,5\n60,6,7\n", 2, "row", ("two columns",)),
    ("unknown header", "timestamp,users\n0,5\n", 1, "header", ("time,rate", "time,count")),
    ("count of one row", "time,count\n0,5\n", 2, "count", ("two rows",)),
    ("not a stamp", "10\nten\n", 2, "time", ("'ten'", "epoch")),
    ("log line cut", "h [10/Oct/2000:13:55:36 -0700] x\nh [10/Oct x\n", 2, "time", ("-0700",)),
    ("no such month", "h [10/Okt/2000:13:55:36 -0700] x\n", 1, "time", ("-0700",)),
)

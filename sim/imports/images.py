"""What an image, a program or a name says about the part that it plays. Tables, and how they are
read; shared by the readers of Compose files and of manifests.

A name is read from its end, since its last word is its noun: `redis-worker` is a worker,
`nginx-exporter` an exporter. Words of a product say more than words of a part.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from sim.schema.stack import Role

Part = Literal[
    "postgres", "mysql", "mariadb", "mongodb", "sqlserver", "redis", "pooler", "proxy", "http",
    "worker", "scheduler", "tool", "once", "broker", "store", "database", "cache", "page",
    "rabbitmq",
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


_PRODUCTS = _table(
    {
        "postgres": "postgres postgresql postgis timescaledb pgvector spilo alloydbomni pgsql",
        "mysql": "mysql percona mysqld",
        "mariadb": "mariadb galera",
        "mongodb": "mongo mongodb mongod ferretdb",
        "sqlserver": "mssql sqlserver azuresqledge sqledge",
        "redis": "redis valkey keydb dragonfly redismod redict garnet redisstack",
        "pooler": "pgbouncer pgcat pgpool pgpool2 odyssey supavisor proxysql",
        "proxy": (
            "frontendproxy nginx haproxy traefik caddy envoy openresty swag kong apisix tyk krakend"
            " nginxproxymanager ambassador pingora sozu linkerd linkerd2 anubis"
        ),
        "rabbitmq": "rabbitmq lavinmq",
        "cache": "memcached memcache",
        "broker": (
            "kafka zookeeper redpanda nats activemq artemis pulsar mosquitto emqx vernemq"
            " nsqd nsqlookupd schemaregistry connect connectors rocketmq gearmand beanstalkd"
            " memphis natsstreaming hivemq zeebe"
        ),
        "store": (
            "elasticsearch opensearch elastic clickhouse cassandra scylla influxdb neo4j couchdb"
            " couchbase minio etcd typesense meilisearch milvus qdrant weaviate solr"
            " seaweedfs arangodb dynamodb questdb victoriametrics cockroach cockroachdb yugabyte"
            " yugabytedb tidb oracle hbase hdfs namenode datanode chroma chromadb azurite sftp"
            " manticore sphinx zincsearch quickwit surrealdb dgraph janusgraph aerospike ravendb"
            " kvrocks postgrest registry openldap ldap rethinkdb crate cratedb vitess"
            " elasticmq localstack ollama spark hadoop snuba symbolicator tika gotenberg eventstore"
            " eventstoredb kurrentdb ipfs tigerbeetle"
        ),
        "tool": (
            "prometheus alertmanager loki promtail jaeger zipkin tempo cadvisor otelcol otel"
            " opentelemetry collector telegraf fluentd fluentbit fluent logstash filebeat"
            " metricbeat logspout vector statsd graphite exporter watchtower autoheal ofelia"
            " certbot letsencrypt vault consul eureka nacos config configserver configservice"
            " zookeepernavigator mailhog mailpit maildev mailcatcher"
            " postfix exim smtp smtprelay dnsmasq coredns unbound cloudflared"
            " ngrok tailscale wireguard openvpn gluetun socketproxy dockerproxy diun flaresolverr"
            " selenium chrome browserless chromium playwright storybook webpack webpacker vite"
            " livereload browsersync"
            " geoip geoipupdate clamav rspamd spamassassin imaginary imgproxy thumbor k6 locust"
            " autoscaler descheduler"
            " wiremock mockserver sidecar newrelic datadog pyroscope parca tunnel alloy mimir xray"
            " loadgenerator loadgen loadtest trafficgenerator wrk wrk2 wrk2client fortio bot"
            " votebot virtualcustomer virtualworker flagd serviceregistry servicediscovery"
            " discoveryserver discoveryservice chronyd ntp samba nfs syncthing vpn seq"
            " turn coturn stun livekit freeswitch asterisk beats heartbeat apm skywalking"
            " mongoexpress rediscommander minecraft vsftpd ftpd sshd devcontainer prosody ejabberd"
            " jicofo jvb dovecot cyrus clamd acme netfilter fail2ban crowdsec slowcooker"
            " cdc debezium provisioner sqlclient cilium calico flannel netperf iperf"
        ),
        "page": (
            "console visualizer kibana grafana pgadmin pgadmin4 adminer phpmyadmin mongoexpress"
            " rediscommander redisinsight keycloak dozzle portainer flower kafdrop akhq cmak"
            " dashboard dashboards jenkins sonarqube hue zipkinui cerebro dbeaver cloudbeaver"
            " springbootadmin unsee karma"
        ),
    }
)
# images by the last part of their names alone, since the words are everybody's: those of Docker
# Hub's and of the self-hosted lists that publish ports and are no application, or are one under a
# name of something else
_IMAGES = _table(
    {
        "mysql": "dolt-sql-server",
        "mariadb": "columnstore",
        "postgres": "patroni citus pgautoupgrade pgrouting opengauss timescaledb-ha",
        "pooler": "maxscale mysql-router",
        "cache": "hazelcast infinispan",
        "proxy": (
            "oauth2-proxy oathkeeper pomerium vmauth squid tinyproxy privoxy varnish nghttpx"
        ),
        "broker": (
            "nanomq rmqtt solace-pubsub-standard kubemq-community nsq amqproxy iggy restate"
        ),
        "store": (
            "druid pinot trino presto doris starrocks risingwave materialized ignite orientdb"
            " firebird db2 rqlite libsql-server sqld fuseki virtuoso-opensource-7 graphdb"
            " blazegraph memgraph falkordb vespa marqo kubo go-ipfs rustfs fake-gcs-server"
            " tarantool greptimedb openobserve parseable webdav wazuh-indexer"
        ),
        "tool": (
            "netdata glances gatus pushgateway thanos vmagent vmalert kapacitor"
            " zabbix-agent zabbix-agent2 zabbix-java-gateway zabbix-snmptraps zabbix-server-pgsql"
            " zabbix-server-mysql zabbix-proxy-sqlite3 zabbix-proxy-mysql bind9"
            " wg-easy headscale netbird frpc frps ddclient cloudflare-ddns ddns-updater"
            " gitlab-runner act_runner woodpecker-agent drone-runner-docker dind buildkit docker"
            " novnc guacd inbucket smtp4dev greenmail fakesmtp mailslurper zigbee2mqtt esphome"
            " zwave-js-ui mediamtx srs geth besu bitcoind hardhat anvil ganache foundry erigon"
            " openfga spicedb opa keto steamcmd valheim terraria factorio rclone restic duplicati"
            " borgmatic trivy suricata falco jdownloader socat busybox autossh"
            " docker-flow-swarm-listener"
        ),
        "page": (
            "pgweb dbgate sqlpad nosqlclient bull-board asynqmon attu nsqadmin chronograf"
            " kowl uptime-kuma pihole adguardhome homer heimdall dashy homarr beszel"
            " scrutiny dockge yacht nexus3 verdaccio code-server base-notebook minimal-notebook"
            " scipy-notebook tensorflow-notebook pyspark-notebook rstudio zitadel dex authelia"
            " hydra casdoor postgres-meta"
        ),
        "http": (
            "zabbix-web-nginx-pgsql zabbix-web-nginx-mysql zabbix-web-apache-pgsql"
            " zabbix-web-apache-mysql vaultwarden mapproxy"
        ),
    }
)
_PARTS = _table(
    {
        "database": "db database datastore postgre pg",
        "cache": "cache distributedcache",
        "proxy": "proxy lb loadbalancer router ingress reverseproxy edgerouter balancer",
        "broker": "mqtt coap broker taskbroker mq messagebus eventbus messagequeue queuebroker",
        "worker": (
            "worker workers celery celeryworker sidekiq consumer consumers jobs job processor rq"
            " resque horizon queue queues background executor executors dramatiq huey"
            " delayedjob goodjob workerbeat queueworker taskworker dispatch dispatcher"
        ),
        "scheduler": (
            "cron beat celerybeat scheduler rqscheduler crond clockwork ticker timer dagprocessor"
            " triggerer cronjob cronjobs clock housekeeping interval"
        ),
        "once": (
            "migrate migration migrations migrator migrater seed seeder seeds init initializer"
            " setup bootstrap backup backups restore createbuckets createbucket provision fixtures"
            " tests test e2e cypress healthcheck wait dbmigrate installer install cleanup"
            " docs assets css js builder build lint cli shell maintenance upgrade bash"
            " createdb configurator permissions keygen certs cert initdb volume data debug"
            " workspace fixer"
        ),
        "tool": (
            "exporter metrics monitoring mailserver smtp"
            " logs logger logging tracing registry discovery serviceregistry configserver"
            " runner runners checker loadgen simulator sim mock mocks stub emulator vpn dns tunnel"
            " navigator watchdog traffic tools admintools toolbox agent bridge"
        ),
        "http": (
            "web www api app backend frontend front back server service site ui vote result flask"
            " fe be django rails laravel php fpm phpfpm apache node express nextjs wordpress webapp"
            " webserver website client graphql rest fastapi gunicorn uvicorn puma tomcat spring"
            " dashboard portal storefront shop bff monolith symfony gitea gitlab nextcloud ghost"
            " drupal joomla magento moodle odoo discourse mastodon streaming strapi directus n8n"
            " metabase superset redash matomo umami plausible outline wikijs mediawiki rocketchat"
            " restproxy mattermost zulip httpd gateway apigateway whoami websocket ws core admin"
            " application"
        ),
    }
)
# behind the name of a store: a tool with pages for it
_VIEWS = "ui admin express console dashboard dashboards manager viewer browser web gui commander"
_VIEW_WORDS = {*_VIEWS.split(), "insight", "explorer", "map"}
_NEUTRAL = (
    "server service image alpine ha cluster master primary node single standalone docker container"
    " latest dev prod production local ce ee oss enterprise community edition stack base main"
    " 1 2 3 v2 v1 01 02 a b bookworm slim custom new cp distroless debian ubuntu edge rootless all"
    " instance"
)
_NEUTRAL_WORDS = frozenset(_NEUTRAL.split())


UNSURE = (
    "controller",
    "operator",
    "daemon",
    "reconciler",
)  # at a name's end: tools, unless users are led there


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
    products = {_PRODUCTS[token] for token in tokens[:-1] if token in _PRODUCTS}
    if tokens[-1:] and tokens[-1] in _VIEW_WORDS and products:
        web = tokens[-1] == "web" and products == {"proxy"}  # `nginx-web` is that nginx
        return Word("proxy" if web else "page", name, True)
    for i in reversed(range(len(tokens))):
        pair = "".join(tokens[i - 1 : i + 1]) if i else ""
        for token in (pair, tokens[i], re.sub(r"\d+$", "", tokens[i])):
            if token in _PRODUCTS and token not in _NEUTRAL_WORDS:
                return Word(_PRODUCTS[token], token, True)
            if token in _PARTS and token not in _NEUTRAL_WORDS:
                part = _PARTS[token]
                if part == "once" and not _NEUTRAL_WORDS.issuperset(tokens[i + 1 :]):
                    continue  # a task is what its last noun says: `build-tools-chat` is a chat
                others = {_PARTS.get(other) for other in tokens}
                if token == "data" and "worker" in others:
                    continue  # `worker-data` works on them
                if part == "worker" and "scheduler" in others:
                    part = "scheduler"  # `beat-worker`
                if token in ("job", "jobs") and "once" in others:
                    part = "once"  # `backup-job`
                return Word(part, token, False)
    if tokens and tokens[-1] in UNSURE:
        return Word("tool", tokens[-1], False)
    # `server` alone is one that answers; behind a product's name it is that product
    said = set(tokens) & {"server", "service"}
    return Word("http", said.pop(), False) if len(said) == 1 else None


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
    known = repository(image).rpartition("/")[2].lower()
    if known in _IMAGES:
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
        r"(^|[\s/'\"])(nginx\s+-g|nginx-entrypoint|haproxy\s|envoy\s+-c|caddy\s+(run|reverse-proxy)|traefik(\s|$))",
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

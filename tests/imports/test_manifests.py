"""Kubernetes manifests as a stack: roles, links, the way in, what Kubernetes alone says, what is
left out; and files of other kinds, told for what they are."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sim.imports.evidence import NO_CORRECTIONS as NO
from sim.imports.evidence import Corrections, Imported, leaves
from sim.imports.manifests.tasks import import_tasks
from sim.imports.stack_text import stack_text
from sim.library.scenarios import load_scenario
from sim.library.stacks import import_stack, load_stack
from sim.schema.fields import InputError
from sim.schema.stack import Stack
from sim.schema.story_checks import MOST_CACHES
from sim.simulation.case import Case
from sim.simulation.simulation import run_case

DATA = Path(__file__).parents[1] / "data" / "manifests"
SHOP = str(DATA / "shop.yaml")
LIKE = load_stack("sspp")


@pytest.fixture(scope="module")
def shop() -> Imported:
    return import_stack(SHOP)


def _put(folder: Path, text: str, name: str = "app.yaml") -> str:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{{name: {name}, image: "{image}"{rest}}}]}}
"""


def _deployment(name: str, image: str = "shop/app", rest: str = "") -> str:
    return DEPLOYMENT.format(name=name, image=image, rest=f", {rest}" if rest else "")


# ---- what is understood ----
def test_workloads_are_services_with_roles(shop: Imported) -> None:
    roles = {name: service.role for name, service in shop.stack.services.items()}
    assert roles == {
        "shop-web": "http", "stock": "http", "mailer": "worker", "postgres": "postgres",
        "queue": "redis",
    }  # fmt: skip


def test_users_go_where_the_ingress_leads_at_its_root(shop: Imported) -> None:
    assert next(iter(shop.stack.services)) == "shop-web"
    assert "users' requests go to shop-web" in shop.stack.assumed
    assert "do users ask stock beside the services that do? (mix:)" in shop.stack.questions


def test_services_config_maps_and_secrets_say_who_asks_whom(shop: Imported) -> None:
    """The database is found by a Service's name in a Secret, the queue by one in a ConfigMap, the
    stock by a variable in a variable."""
    links = {(link.caller, link.callee): link.evidence for link in shop.links}
    assert links == {
        ("shop-web", "queue"): "QUEUE_URL",
        ("shop-web", "postgres"): "DATABASE_URL",
        ("shop-web", "stock"): "STOCK_HOST, STOCK_URL",
        ("stock", "postgres"): "DB_HOST",
        ("mailer", "queue"): "QUEUE_URL",
    }
    assert "secret" not in " ".join([*shop.stack.assumed, *shop.stack.ignored])


def test_what_decides_an_outage_is_read(shop: Imported) -> None:
    services = shop.stack.services
    assert services["shop-web"].concurrency == 8
    assert services["mailer"].concurrency == 12
    assert services["postgres"].max_connections == 60
    assert services["queue"].persistence == "aof_everysec"
    assert services["shop-web"].memory.limit == 512 * 2**20


def test_what_kubernetes_alone_says_holds_there(shop: Imported) -> None:
    scenario = load_scenario("container_crash", stack=shop.stack)
    web = Case.of(scenario, shop.stack, "kubernetes").stack.services["shop-web"]
    assert web.replicas == 3
    assert web.scaling is not None
    assert (web.scaling.min, web.scaling.max, web.scaling.cpu) == (3, 12, 0.65)
    assert web.scaling.behavior is not None
    assert web.scaling.behavior.down.window == 120.0
    assert web.disruption is not None
    assert web.disruption.max_unavailable == 0.34
    assert web.probes.readiness is not None
    assert (web.probes.readiness.period, web.probes.readiness.failure) == (5.0, 2)
    assert web.probes.liveness is not None
    assert (web.probes.liveness.timeout, web.probes.liveness.initial_delay) == (3.0, 20.0)
    assert web.probes.startup is None
    assert (web.stop.grace, web.stop.pre_stop) == (45.0, 7.0)
    assert (web.priority, web.preemption_policy) == (1000, "never")
    assert web.cpu.request == 0.25
    compose = Case.of(scenario, shop.stack, "compose").stack.services["shop-web"]
    assert (compose.replicas, compose.port) == (1, 80)
    stock = Case.of(scenario, shop.stack, "kubernetes").stack.services["stock"]
    assert stock.probes.readiness is None  # the file has none, whatever our own shop has


def test_a_queue_that_scales_needs_keda_and_is_told(shop: Imported) -> None:
    """How to have it: the settings of the line make it."""
    (line,) = [text for text in shop.stack.ignored if text.startswith("ScaledObject mailer")]
    asked = "--set 'stack.services.mailer.scaling={min: 0, max: 8, queue: 20}'"
    assert f"--set kubernetes.autoscaling.keda={{}} {asked}" in line
    settings = {
        "kubernetes.autoscaling.keda": {},
        "stack.services.mailer.scaling": {"min": 0, "max": 8, "queue": 20},
    }
    scenario = load_scenario("container_crash", stack=shop.stack, settings=settings)
    assert Case.of(scenario, shop.stack, "kubernetes").stack.services["mailer"].scaling is not None


def test_each_value_has_its_place(shop: Imported) -> None:
    def line(word: str) -> str:
        text = Path(SHOP).read_text(encoding="utf-8")
        return f"shop.yaml:{text[: text.index(word)].count(chr(10)) + 1}"

    assert str(shop.origins["services.postgres.max_connections"]).endswith(line("[-c, max_conn"))
    place = str(shop.origins["on.kubernetes.services.shop-web.probes.readiness.period"])
    assert place.endswith(line("name: shop-web"))


# ---- what is left out ----
@pytest.mark.parametrize(
    "line",
    [
        "shop-web: the containers istio-proxy, migrate beside its own",
        "HorizontalPodAutoscaler web: scaling by Resource memory (CPU alone is simulated)",
        "CronJob: report (a kind that is not simulated)",
        "NetworkPolicy: closed (a kind that is not simulated)",
        "spec.minReadySeconds: Deployment shop-web",
        "environment: shop-web, mailer (LOG_LEVEL)",
    ],
)
def test_what_is_not_simulated_is_told_once(shop: Imported, line: str) -> None:
    assert shop.stack.ignored.count(line) == 1


def test_every_leaf_is_read_or_listed(shop: Imported, tmp_path: Path) -> None:
    """A field that nobody knows, at any depth, is a word of a line."""
    text = Path(SHOP).read_text(encoding="utf-8")
    for at in ("containerPort: 8000", "minReplicas: 3", "maxUnavailable: 34%", "periodSeconds: 5,"):
        file = _put(
            tmp_path,
            text.replace(
                at, f"strangeField: 5, {at}" if at[-1] != "3" else f"{at}\n  strangeField: 5"
            ),
        )
        told = import_stack(file).stack.ignored
        assert any("strangeField" in line for line in told), at


# ---- files ----
def test_a_folder_a_list_and_several_files_say_the_same(shop: Imported, tmp_path: Path) -> None:
    parts = Path(SHOP).read_text(encoding="utf-8").split("---\n")
    for number, part in enumerate(parts):
        _put(tmp_path / "all", part, f"{number:02}.yaml")
    _put(tmp_path / "all", "a: 1\n", "values.yaml")
    kustomization = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
    _put(tmp_path / "all", kustomization, "kustomization.yaml")
    folder = import_stack(str(tmp_path / "all"))
    assert folder.stack.services == shop.stack.services
    files = sorted(str(path) for path in (tmp_path / "all").glob("[0-9]*"))
    assert import_stack(*files).stack.on == shop.stack.on
    indented = "".join(
        "- " + part.strip().replace("\n", "\n  ") + "\n" for part in parts if "kind" in part
    ).replace("- # A shop of our own making, with the traits that public manifests show.\n  ", "- ")
    listed = _put(tmp_path, f"apiVersion: v1\nkind: List\nitems:\n{indented}")
    assert import_stack(listed).stack.services == shop.stack.services


@pytest.mark.parametrize("name", ["k31_two_documents.yml", "k32_one_manifest.yml"])
def test_small_manifests_run(name: str) -> None:
    stack = load_stack(str(DATA / name))
    assert stack.services["api"].role == "http"
    assert stack.on["kubernetes"]["services"]["api"]["replicas"] == 2


def test_importing_twice_gives_the_same(shop: Imported) -> None:
    assert import_stack(SHOP) == shop


def test_what_another_object_made_is_not_counted_twice(tmp_path: Path) -> None:
    pod = _deployment("api").replace("kind: Deployment", "kind: ReplicaSet")
    pod = pod.replace(
        "{name: api}\nspec", "{name: api-5f, ownerReferences: [{kind: Deployment}]}\nspec"
    )
    stack = import_stack(_put(tmp_path, f"{_deployment('api')}---\n{pod}")).stack
    assert list(stack.services) == ["api"]
    assert any("that another object made" in line for line in stack.ignored)


def test_a_role_can_be_corrected(tmp_path: Path) -> None:
    file = _put(tmp_path, f"{_deployment('api')}---\n{_deployment('store', 'shop/store')}")
    corrections = Corrections.of(["store=postgres"], ["api->store"])
    stack = import_stack(file, corrections=corrections).stack
    assert stack.services["store"].role == "postgres"
    assert stack.services["api"].database is not None


def test_a_proxy_of_the_users_leads_to_what_it_asks(tmp_path: Path) -> None:
    """nginx of a ConfigMap before the application: it is a proxy, and not the way in's end."""
    config = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: edge}\ndata:\n"
        "  default.conf: |\n    location / { proxy_pass http://api:3000; }\n"
    )
    edge = _deployment("edge", "nginx:1.27").replace(
        "spec: {containers", "spec: {volumes: [{name: c, configMap: {name: edge}}], containers"
    )
    services = "".join(
        f"---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\n"
        f"spec: {{{kind}selector: {{app: {name}}}, ports: [{{port: {port}}}]}}\n"
        for name, port, kind in (("edge", 80, "type: LoadBalancer, "), ("api", 3000, ""))
    )
    file = _put(tmp_path, f"{config}---\n{edge}---\n{_deployment('api')}{services}")
    imported = import_stack(file)
    assert imported.stack.services["edge"].role == "proxy"
    assert "users' requests go to api" in imported.stack.assumed
    assert ("edge", "api") in {(link.caller, link.callee) for link in imported.links}


def test_the_text_of_an_alert_is_no_template(tmp_path: Path) -> None:
    text = (
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: alerts}\ndata:\n  a.yml: |\n"
        "    summary: down on {{ $labels.instance }}\n\n    {{ range .Alerts }}{{ end }}\n"
    )
    comment = "# password: {{ .Values.x }}\n"
    assert load_stack(_put(tmp_path, comment + _deployment("a") + text)).entry == "a"
    with pytest.raises(InputError, match=r"app\.yaml:\d+: found a Helm template"):
        load_stack(_put(tmp_path, f"{_deployment('a')}{text}    x: {{{{ .Values.x }}}}\n"))


# ---- other kinds of files ----
STRANGE: tuple[tuple[str, str, str], ...] = (
    ("templates/web.yaml", "kind: Deployment\napiVersion: v1\nmetadata: {{ .Values.name }}\n",
     "a Helm template; expected what `helm template CHART` renders"),
    ("filled.yaml", "kind: Pod\napiVersion: v1\nmetadata: {name: a}\nspec:\n  x: {{count}}\n",
     "a template with places to fill in"),
    ("crd.yaml", "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n",
     "a CustomResourceDefinition"),
    ("app.yaml", "apiVersion: core.oam.dev/v1beta1\nkind: Application\nspec: {}\n", "KubeVela"),
    ("kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n",
     "kustomize build"),
    ("service.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n", "no workload among"),
    ("empty.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n",
     "a list with a container"),
    ("half.yaml", _deployment("a") + "---\nfoo: 1\n", "an object without kind"),
    ("cpu.yaml", _deployment("a", rest="resources: {limits: {cpu: lots}}"), "a number of cores"),
    ("hook.yaml", _deployment("a", rest="lifecycle: {preStop: {sleep: {seconds: x}}}"),
     "a whole number"),
    ("scaler.yaml", _deployment("a") + "---\napiVersion: autoscaling/v2\n"
     "kind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}, "
     "maxReplicas: many}\n", "a whole number"),
    ("list.yaml", "apiVersion: v1\nkind: List\nitems: [3]\n", "an object"),
)  # fmt: skip


@pytest.mark.parametrize(("name", "text", "why"), STRANGE, ids=[case[0] for case in STRANGE])
def test_what_is_no_manifest_is_told_in_one_line(
    name: str, text: str, why: str, tmp_path: Path
) -> None:
    file = _put(tmp_path, text, name)
    with pytest.raises(InputError) as refused:
        load_stack(file)
    said = str(refused.value)
    assert why in said
    assert said.startswith(file)
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("place", ["{name: stock", "{labels: {app: stock}"])
def test_an_annotation_corrects_what_was_understood(place: str, tmp_path: Path) -> None:
    """On the workload or on its pods, as `x-sim:` in a Compose file."""

    def imported(note: str) -> Stack:
        noted = f"metadata: {place}, annotations: {{x-sim: {json.dumps(note)}}}}}"
        stock = _deployment("stock").replace(f"metadata: {place}}}", noted)
        return import_stack(_put(tmp_path, f"{_deployment('web')}---\n{stock}")).stack

    stack = imported("{role: http, calls: [web], concurrency: 7}")
    assert (stack.calls("stock"), stack.services["stock"].concurrency) == (["web"], 7)
    assert imported("other").services["stock"].role == "other"
    for text, why in (("{role: http", "expected a role, or {role"), ("wroker", "mean worker")):
        with pytest.raises(InputError, match=why):
            imported(text)


def test_a_folder_without_manifests_is_told(tmp_path: Path) -> None:
    _put(tmp_path, "a: 1\n", "values.yaml")
    _put(tmp_path, "apiVersion: 1\ndatasources: []\n", "grafana.yaml")
    with pytest.raises(InputError, match="none of them a manifest; expected files with apiVers"):
        load_stack(str(tmp_path))
    for name in ("compose.prod.yaml", "compose.yaml"):
        _put(tmp_path, "services: {web: {image: x/web}}\n", name)
    with pytest.raises(InputError, match=r"2 are Compose files; expected .*/compose\.yaml$"):
        load_stack(str(tmp_path))


@pytest.mark.parametrize(
    ("memory", "count", "asked"),
    [
        ("268435456000m", 2**28, False),  # as a VerticalPodAutoscaler writes 256Mi
        ("1e9", 10**9, False),
        ("2000m", 2, True),
        ("512", 512, True),
    ],
)
def test_a_memory_may_stand_in_thousandths(
    memory: str, count: int, asked: bool, tmp_path: Path
) -> None:
    file = _put(tmp_path, _deployment("web", rest=f"resources: {{limits: {{memory: {memory}}}}}"))
    imported = import_stack(file)
    assert imported.stack.services["web"].memory.limit == count
    asks = f"is a memory of {count} bytes ({memory}) meant for web?"
    assert any(asks in question for question in imported.questions) == asked


def test_odd_values_anywhere_are_refused_or_told(tmp_path: Path) -> None:
    """Each line of the shop emptied or turned to nonsense: an InputError or a stack."""
    lines = Path(SHOP).read_text(encoding="utf-8").splitlines()
    refused = 0
    for number in range(0, len(lines), 13):
        for junk in ("", "  x: [1, {y: 2}]"):
            text: Any = "\n".join([*lines[:number], junk, *lines[number + 1 :]])
            try:
                load_stack(_put(tmp_path, text))
            except InputError:
                refused += 1
    assert refused


# ---- Nomad and ECS ----
NOMAD, ECS = str(DATA / "shop.nomad.json"), str(DATA / "shop.ecs.json")


def test_a_nomad_job_is_read() -> None:
    imported = import_stack(NOMAD)
    stack = imported.stack
    web, database = stack.services["web"], stack.services["db"]
    assert (web.role, web.port, database.role) == ("http", 80, "postgres")
    assert database.max_connections == 40
    assert [(link.caller, link.callee) for link in imported.links] == [("web", "db")]
    scenario = load_scenario("container_crash", stack=stack)
    there = Case.of(scenario, stack, "nomad").stack.services["web"]
    assert there.replicas == 3
    assert (there.memory.request, there.memory.limit) == (256 * 2**20, 512 * 2**20)
    assert (there.stop.grace, there.stop.pre_stop) == (20.0, 3.0)
    assert "web: the tasks migrate beside it" in stack.ignored
    assert any("Resources (CPU)" in line for line in stack.ignored)


def _job(name: str, group: str, *tasks: dict[str, Any], ports: Any = ()) -> str:
    networks = [{"ReservedPorts": [{"Label": label, "Value": port} for label, port in ports]}]
    groups = [{"Name": group, "Tasks": list(tasks), "Networks": networks}]
    return json.dumps({"Job": {"ID": name, "Name": name, "TaskGroups": groups}})


def test_what_nomad_puts_into_templates_and_addresses_is_read(tmp_path: Path) -> None:
    """`range service`, a port's address by its label, whose port a reserved one is; jobs whose
    groups have one name, and two servers' port 80."""
    text = (
        '{{ range nomadService "db-svc" }}\nDB_URL=postgres://{{ .Address }}:{{ .Port }}\n{{ end }}'
    )
    api = {
        "Name": "api", "Config": {"image": "shop/api", "ports": ["http"]},
        "Templates": [{"EmbeddedTmpl": text, "DestPath": "local/env", "Envvars": True}],
    }  # fmt: skip
    web = {
        "Name": "web", "Config": {"image": "shop/web", "ports": ["front"]},
        "Env": {"API_URL": "http://${NOMAD_ADDR_http}"},
    }  # fmt: skip
    database = {"Name": "pg", "Config": {"image": "postgres:16"}, "Services": [{"Name": "db-svc"}]}
    edge = {"Name": "edge", "Config": {"image": "traefik:3"}}
    files = [
        _put(
            tmp_path,
            _job("shop", "svc", web, api, ports=[("front", 80), ("http", 81)]),
            "shop.json",
        ),
        _put(tmp_path, _job("db", "svc", database), "db.json"),
        _put(tmp_path, _job("edge", "svc", edge, ports=[("http", 80)]), "edge.json"),
    ]
    imported = import_stack(*files)
    roles = {name: service.role for name, service in imported.stack.services.items()}
    assert roles == {"svc-web": "http", "svc-api": "http", "svc": "postgres", "edge-svc": "proxy"}
    sure = {(link.caller, link.callee) for link in imported.links if link.confidence == "high"}
    assert sure == {("svc-web", "svc-api"), ("svc-api", "svc")}
    assert imported.stack.entry == "svc-web"


def test_on_a_bridge_each_container_of_a_task_has_a_port_of_its_own(tmp_path: Path) -> None:
    port = {"portMappings": [{"containerPort": 1234}]}
    containers = [{"name": name, "image": f"shop/{name}", **port} for name in ("hello", "world")]
    task = {"family": "hello", "containerDefinitions": containers}
    stack = load_stack(_put(tmp_path, json.dumps(task), "task.json"))
    assert list(stack.services) == ["hello", "world"]


def test_an_ecs_task_definition_is_read() -> None:
    imported = import_stack(ECS)
    web = imported.stack.services["shop-web"]
    assert (web.role, web.port, web.stop.grace) == ("http", 8000, 60.0)
    assert (web.cpu.request, web.memory.limit) == (1.0, 2048 * 2**20)
    assert web.healthcheck is not None
    assert (web.healthcheck.interval, web.healthcheck.retries) == (10.0, 2)
    assert any("containerDefinitions.secrets" in line for line in imported.stack.ignored)
    assert any("database.internal" in question for question in imported.questions)


def test_a_job_in_hcl_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a Nomad job in HCL"):
        load_stack(_put(tmp_path, 'job "shop" {\n  type = "service"\n}\n', "shop.nomad"))


@pytest.mark.parametrize("file", [NOMAD, ECS])
@pytest.mark.parametrize("junk", [None, 7, "x y", [3], {"a": 1}, -1])
def test_odd_values_in_tasks_are_refused_or_told(file: str, junk: Any, tmp_path: Path) -> None:
    data = json.loads(Path(file).read_text(encoding="utf-8"))
    for path, _ in list(leaves(data)):
        for length in (len(path), max(1, len(path) - 1)):
            changed = json.loads(json.dumps(data))
            place = changed
            for key in path[: length - 1]:
                place = place[key]
            place[path[length - 1]] = junk
            with suppress(InputError):
                import_tasks([Path(_put(tmp_path, json.dumps(changed), "odd.json"))], LIKE, NO)


# ---- traits of public manifests that were once read wrongly, in small files of our own ----
def _service(name: str, port: int = 80, kind: str = "ClusterIP") -> str:
    return (
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\n"
        f"spec: {{type: {kind}, selector: {{app: {name}}}, ports: [{{port: {port}}}]}}\n"
    )


INGRESS = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: {0}}}
spec: {{rules: [{{http: {{paths: [{{path: /{0}, backend: {{service: {{name: {0}}}}}}}]}}}}]}}
"""
SHARED = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: ledger}
data: {POSTGRES_DB: books, POSTGRES_PASSWORD: x, LEDGER_URL: "postgres://u:x@ledger-db:5432/books"}
"""
FROM_SHARED = "envFrom: [{configMapRef: {name: ledger}}]"


TRAITS: list[tuple[list[str], dict[str, str]]] = [
    # a configuration that a database shares with its clients
    ([SHARED, _deployment("writer", rest=FROM_SHARED), _service("writer", 80, "LoadBalancer"),
      _deployment("ledger-db", "bank/ledger-db", FROM_SHARED), _service("ledger-db", 5432)],
     {"writer": "http", "ledger-db": "postgres"}),
    # who makes load asks as users do, and is none of the services
    ([_deployment("web"), _service("web", 80, "LoadBalancer"), _deployment("vote-bot"),
      _deployment("client", "bench/wrk2-client"), _deployment("virtual-customer")],
     {"web": "http", "vote-bot": "other", "client": "other", "virtual-customer": "other"}),
    # users' way in before that of the staff, on the same port
    ([_deployment("shop-admin"), _service("shop-admin", 80, "LoadBalancer"),
      _deployment("shop-front"), _service("shop-front", 80, "LoadBalancer")],
     {"shop-front": "http", "shop-admin": "http"}),
    # jobs are RabbitMQ's; Redis beside it keeps sessions, and is no queue
    ([_deployment("web"), _service("web", 80, "NodePort"), _deployment("queue-master"),
      _deployment("rabbitmq", "rabbitmq:3"), _deployment("sessions", "redis:7")],
     {"web": "http", "queue-master": "worker", "rabbitmq": "redis", "sessions": "other"}),
    # an application's image that says which store it uses
    ([_deployment("hello-web", "acme/hello-app-redis:1"), _deployment("redis", "redis:7")],
     {"hello-web": "http", "redis": "redis"}),
    # nothing but a Service says that it answers
    ([_deployment("gemma", "acme/gemma"), _service("gemma", 8000),
      _deployment("prometheus-adapter", "acme/prometheus-adapter"),
      _service("prometheus-adapter", 443)],
     {"gemma": "http", "prometheus-adapter": "other"}),
    # a tool that routes lead to is no entry
    ([_deployment("jaeger", "jaegertracing/all-in-one"), _service("jaeger", 16686, "NodePort"),
      _deployment("frontend"), _service("frontend")], {"frontend": "http", "jaeger": "other"}),
    # an application's own dashboard
    ([_deployment("orders", "acme/orders-service"), _service("orders"),
      _deployment("ui-dashboard", "acme/ui-dashboard"),
      _service("ui-dashboard", 80, "NodePort")], {"ui-dashboard": "http", "orders": "http"}),
    # what listens on no port works jobs, of whatever its name; what makes traffic is a tool
    ([_deployment("webapp"), _service("webapp", 80, "LoadBalancer"),
      _deployment("ledger-service"), _deployment("traffic"),
      _deployment("rabbitmq", "rabbitmq:4")],
     {"webapp": "http", "ledger-service": "worker", "traffic": "other", "rabbitmq": "redis"}),
    # two ways in on one port have an address each: the one of the users is first
    ([_deployment("auth-server"), _service("auth-server", 80, "LoadBalancer"),
      _deployment("webapi"), _service("webapi", 80, "LoadBalancer")],
     {"webapi": "http", "auth-server": "http"}),
    # of the web services that nothing leads to, the one of the pages
    ([part for name in ("details", "ratings", "productpage")
      for part in (_deployment(name), _service(name))],
     {"productpage": "http", "details": "http", "ratings": "http"}),
    # a task is what its last noun says, and an agent that is asked over HTTP is a service
    ([_deployment("web", "acme/team-build-it-web", "env: [{name: A, value: 'http://my-agent'}]"),
      _service("web", 80, "LoadBalancer"), _deployment("chat", "acme/team-build-it-chat"),
      _service("chat"), _deployment("my-agent", "acme/my-agent"), _service("my-agent"),
      _deployment("sealed-secrets-controller", "acme/sealed-secrets-controller"),
      _service("sealed-secrets-controller"), _deployment("xray-daemon", "aws/aws-xray-daemon"),
      _service("xray-daemon", 2000)],
     {"web": "http", "chat": "http", "my-agent": "http", "sealed-secrets-controller": "other",
      "xray-daemon": "other"}),
    # of several paths of an Ingress the first; what answers where none fits is for nobody
    ([_deployment("drive"), _service("drive", 80, "NodePort"), _deployment("user"),
      _service("user"), _deployment("echo"), _service("echo"),
      "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: in}\n"
      "spec:\n  defaultBackend: {service: {name: echo, port: {number: 80}}}\n"
      "  rules: [{http: {paths: [{path: /a, backend: {service: {name: user}}},"
      " {path: /b, backend: {service: {name: drive}}}]}}]\n"],
     {"user": "http", "drive": "http", "echo": "http"}),
    # a route of OpenShift; consumers of a broker take no jobs from a Redis beside it
    ([_deployment("api"), _service("api"), _deployment("food"), _service("food"),
      "apiVersion: route.openshift.io/v1\nkind: Route\nmetadata: {name: in}\n"
      "spec: {to: {kind: Service, name: food}}\n", _deployment("redis", "redis:7"),
      _deployment("kafka", "acme/kafka"), _service("kafka", 9092),
      _deployment("courier", rest="env: [{name: SERVERS, value: 'kafka:9092'}]")],
     {"food": "http", "api": "http", "courier": "other", "kafka": "other", "redis": "redis"}),
    # an image of nginx alone, to which users are led, serves pages
    ([part for name in ("coffee", "tea")
      for part in (_deployment(name, "acme/nginx-hello"), _service(name, 80, "NodePort"))],
     {"coffee": "http", "tea": "http"}),
    # a route of a mesh alone leads no user
    ([_deployment("customers"), _service("customers"), _deployment("webapp"),
      _service("webapp", 80, "NodePort"),
      "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: in}\n"
      "spec: {hosts: [customers], http: [{route: [{destination: {host: customers}}]}]}\n"],
     {"webapp": "http", "customers": "http"}),
    # an image named after the store that it uses, which listens on a port of its own
    ([_deployment("redis-stream-web", "acme/redis-stream-all"),
      _service("redis-stream-web", 80, "NodePort"), _deployment("bus", "nats-streaming:1"),
      _service("bus", 4222)], {"redis-stream-web": "http", "bus": "other"}),
    # a class of workers that answers requests, and what a viewer of agents is
    ([_deployment("main", rest="command: [gunicorn, -k, uvicorn.workers.UvicornWorker, a:app]"),
      _service("main", 80, "NodePort"), _deployment("agent-viewer-fe"),
      _service("agent-viewer-fe"), _deployment("cluster-autoscaler"),
      _deployment("redis", "redis:7")],
     {"main": "http", "agent-viewer-fe": "http", "cluster-autoscaler": "other",
      "redis": "redis"}),
    # a controller is a tool, unless users are led to it; of ways in the one that asks others
    ([_deployment("flags"), _service("flags"), _deployment("controller"),
      _service("controller"), _deployment("rates", rest="env: [{name: FLAGS, value: 'http://flags.shop.svc:80'}]"),
      _service("rates"), *(INGRESS.format(name) for name in ("flags", "rates", "controller"))],
     {"rates": "http", "flags": "http", "controller": "http"}),
    # of ways in of which nothing else says more the one with a database
    ([_deployment("fraud"), _service("fraud"), _deployment("db", "postgres:16"),
     _deployment("ledger", rest="env: [{name: DB_URL, value: 'postgres://db/x'}]"),
     _service("ledger"), _service("db", 5432),
     *(INGRESS.format(name) for name in ("fraud", "ledger"))],
     {"ledger": "http", "fraud": "http", "db": "postgres"}),
    # the image says with what it was built
    ([_deployment("orders", "acme/orders-with-jaeger"), _service("orders", 80, "NodePort"),
      _deployment("prices", "acme/prices-with-jaeger"), _service("prices")],
     {"orders": "http", "prices": "http"}),
    # a route that leads there for `/`, before those of parts
    ([_deployment("gate"), _service("gate"), _deployment("shop-api"), _service("shop-api"),
      "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\nspec:\n"
      "  rules: [{matches: [{path: {value: /api}}], backendRefs: [{name: shop-api}]},"
      " {matches: [{path: {value: /}}], backendRefs: [{name: gate}]}]\n"],
     {"gate": "http", "shop-api": "http"}),
    # a business called worker, with a database called after it as the others'; stores whose
    # objects are called after their kind
    ([part for name in ("client", "worker") for part in (
        _deployment(name, f"acme/{name}"), _service(name), _service(f"{name}-db", 5432),
        _deployment(f"{name}-db", "postgres:16"))]
     + [_deployment("rabbitmq", "rabbitmq:4"), INGRESS.format("client")],
     {"client": "http", "worker": "http", "client-db": "postgres", "worker-db": "postgres",
      "rabbitmq": "redis"}),
    # a word that is a tool's, in an image made by those of the services; what works on data
    ([_deployment("web", "acme/shop/web"), _service("web", 80, "NodePort"),
      _deployment("stock", "acme/shop/stock"), _service("stock"),
      _deployment("collector", "acme/shop/collector", "env: [{name: URL, value: 'redis://redis'}]"),
      _deployment("worker-data", "acme/worker-data"), _deployment("redis", "redis:7"),
      _deployment("price-reconciler", "acme/shop/reconciler"), _service("price-reconciler")],
     {"web": "http", "stock": "http", "collector": "worker", "worker-data": "worker",
      "redis": "redis", "price-reconciler": "other"}),
    # somebody answers: of two that ask the queue and have a port, both
    ([_deployment("plan", rest="env: [{name: AMQP_URL, value: 'amqp://rabbitmq:5672'}]"),
      _service("plan"), _deployment("plan-worker", "acme/plan-worker"),
      _deployment("rabbitmq", "rabbitmq:4")],
     {"plan": "http", "plan-worker": "worker", "rabbitmq": "redis"}),
    # an image of pages that starts the nginx in it
    ([_deployment("shop-web", "acme/shop-web", "args: [nginx, -g, 'daemon off;']"),
      _service("shop-web", 80, "NodePort"), _deployment("stock"), _service("stock")],
     {"shop-web": "http", "stock": "http"}),
    # words of tasks in names of what answers; a canary beside what most users meet
    ([_deployment("shop"), _service("shop", 80, "NodePort"), _deployment("shop-canary"),
      _service("shop-canary", 80, "NodePort"), _deployment("backup-service"),
      _service("backup-service", 3005)],
     {"shop": "http", "shop-canary": "http", "backup-service": "http"}),
    # an image of their own that the configuration of an nginx is mounted into
    (["apiVersion: v1\nkind: ConfigMap\nmetadata: {name: conf}\n"
      "data: {nginx.conf: 'location / { proxy_pass http://files:81; }'}\n",
      _deployment("api-gateway", "acme/gateway",
                  "volumeMounts: [{name: conf, mountPath: /etc/nginx}]}],"
                  " volumes: [{name: conf, configMap: {name: conf}"),
      _service("api-gateway", 80, "LoadBalancer"), _deployment("users"), _service("users"),
      _deployment("files"), _service("files", 81)],
     {"files": "http", "api-gateway": "proxy", "users": "http"}),
]  # fmt: skip


@pytest.mark.parametrize(("parts", "roles"), TRAITS)
def test_a_trait(parts: list[str], roles: dict[str, str], tmp_path: Path) -> None:
    stack = load_stack(_put(tmp_path, "---\n".join(parts)))
    assert {name: service.role for name, service in stack.services.items()} == roles
    assert stack.entry == next(iter(roles))


def _suite(tmp_path: Path) -> str:
    """A page before thirty services, of which two dozen have a database of their own."""
    env = "env: [{{name: DB_URL, value: 'mongodb://part{0}-db:27017/x'}}]"
    parts = [_deployment("front", rest="env: [{name: URLS, value: 'http://part0,http://part1'}]")]
    parts += [_service("front", 80, "LoadBalancer")]
    for number in range(30):
        name = f"part{number}"
        parts += [_deployment(name, rest=env.format(number) if number < 24 else ""), _service(name)]
    for number in range(24):
        parts += [_deployment(f"part{number}-db", "mongo:7"), _service(f"part{number}-db", 27017)]
    return _put(tmp_path, "---\n".join(parts))


def test_a_database_for_each_of_two_dozen_services(tmp_path: Path) -> None:
    stack = load_stack(_suite(tmp_path))
    assert stack.entry == "front"
    roles = Counter(service.role for service in stack.services.values())
    assert roles == {"http": 31, "postgres": 24}
    asked = {step.query for service in stack.services.values() for step in service.every_step}
    assert asked >= {f"part{number}-db" for number in range(1, 24)}  # the first is the default


@pytest.mark.slow
def test_such_a_suite_loses_a_server_and_goes_on(tmp_path: Path) -> None:
    stack = load_stack(_suite(tmp_path))
    scenario = load_scenario("server_crash", stack=stack)
    run = run_case(Case.of(scenario, stack, "kubernetes"), seed=1)
    requests = run.recording.requests.sum()
    assert 0 < run.recording.failed < requests


def test_names_of_a_cluster_and_of_connection_strings_are_links(tmp_path: Path) -> None:
    """In whatever namespace the files come to be; of a set's pod; `Server=` and `host=` alone."""
    values = {
        "MONGO": "mongo.data.svc.cluster.local", "SQL": "Server=sql;Database=shop;User=sa",
        "DSN": "host=pg port=5432 user=x", "CACHE": "mysql-0.mysql",
    }  # fmt: skip
    env = ", ".join(f"{{name: {key}_URL, value: '{text}'}}" for key, text in values.items())
    stores = {"mongo": "mongo:7", "sql": "mcr.microsoft.com/mssql/server", "pg": "postgres:16",
              "mysql": "mysql:8"}  # fmt: skip
    parts = [_deployment("api", rest=f"env: [{env}]"), _service("api", 80, "NodePort")]
    for name, image in stores.items():
        parts += [_deployment(name, image), _service(name, 1)]
    links = import_stack(_put(tmp_path, "---\n".join(parts))).links
    assert {link.callee for link in links if link.confidence == "high"} == set(stores)


def test_a_configuration_that_all_share_says_little(tmp_path: Path) -> None:
    """The one in front is taken to use the services, each its own database; the rest is asked."""
    names = ("users", "orders", "bills")
    told = {f"{n.upper()}_URL": f"http://{n}" for n in names}
    told |= {f"{n.upper()}_DB_HOST": f"{n}-db" for n in names}
    shared = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: all}}\ndata: {json.dumps(told)}\n"
    rest = "envFrom: [{configMapRef: {name: all}}]"
    parts = [shared, _deployment("gateway", rest=rest), _service("gateway", 80, "NodePort")]
    for name in names:
        parts += [_deployment(name, rest=rest), _service(name)]
        parts += [_deployment(f"{name}-db", "postgres:16"), _service(f"{name}-db", 5432)]
    links = import_stack(_put(tmp_path, "---\n".join(parts))).links
    sure = {(link.caller, link.callee) for link in links if link.confidence == "high"}
    assert sure == {*(("gateway", n) for n in names), *((n, f"{n}-db") for n in names)}


def test_a_database_s_file_of_a_config_map_is_read(tmp_path: Path) -> None:
    config = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"
        "data: {postgresql.conf: 'max_connections = 40'}\n"
    )
    database = _deployment("db", "postgres:16").replace(
        "spec: {containers", "spec: {volumes: [{name: c, configMap: {name: c}}], containers"
    )
    stack = load_stack(_put(tmp_path, "---\n".join([_deployment("web"), database, config])))
    assert stack.services["db"].max_connections == 40


def test_as_many_cores_as_no_server_has_bind_nothing_and_are_told(tmp_path: Path) -> None:
    """Kubernetes takes `4Gi` for 2^32 cores."""
    file = _put(tmp_path, _deployment("web", rest="resources: {limits: {cpu: 4Gi, memory: 1Gi}}"))
    stack = import_stack(file).stack
    assert stack.services["web"].memory.limit == 2**30
    assert "containers.resources (limits.cpu): Deployment web" in stack.ignored


def test_a_chart_beside_manifests_is_told_and_one_alone_refused(tmp_path: Path) -> None:
    _put(tmp_path / "all", _deployment("web"), "web.yaml")
    _put(tmp_path / "all" / "chart", "apiVersion: v2\nname: shop\n", "Chart.yaml")
    _put(tmp_path / "all" / "chart", "kind: Pod\napiVersion: v1\nx: {{ .Values.x }}\n", "a.yaml")
    stack = load_stack(tmp_path / "all")
    assert list(stack.services) == ["web"]
    assert "Helm chart: shop (a kind that is not simulated)" in stack.ignored
    with pytest.raises(InputError, match="a Helm chart; expected `helm template CHART"):
        load_stack(tmp_path / "all" / "chart")


def test_an_object_twice_and_a_tab_at_an_end(tmp_path: Path) -> None:
    """As in a folder with all in one file and each in its own; `kubectl apply` takes the later."""
    _put(tmp_path, _deployment("web", "acme/web:1").replace("apps/v1", "apps/v1\t"), "a.yaml")
    _put(tmp_path, _deployment("web", "acme/web:2", "resources: {limits: {cpu: 2}}"), "b.yaml")
    stack = load_stack(tmp_path)
    assert "Deployment web: stands twice, the later counts" in stack.ignored
    assert [service.cpu.limit for service in stack.services.values()] == [2.0]


def test_a_patch_of_a_kustomization_is_no_object(tmp_path: Path) -> None:
    _put(tmp_path, _deployment("web", "acme/web:1"), "web.yaml")
    patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 9}\n"
    _put(tmp_path, patch, "patch.yaml")
    said = "resources: [web.yaml]\nvars:\n- name: A\n  objref:\n    apiVersion: v1\n"
    _put(tmp_path, f"{said}patches: [{{path: patch.yaml}}]\n", "kustomization.yaml")
    stack = load_stack(tmp_path)
    assert list(stack.services) == ["web"]
    assert "patch of a Deployment: web (a kind that is not simulated)" in stack.ignored
    assert any(line.startswith("Kustomization: ") for line in stack.ignored)


OUTSIDE = """\
apiVersion: v1
kind: Secret
metadata: {name: outside}
stringData: {DB_URL: "postgres://u:x@orders.abc.eu-west-1.rds.amazonaws.com/x", REDIS_HOST: cache1}
"""


def test_a_store_that_is_asked_and_not_there_is_a_provider_s(tmp_path: Path) -> None:
    """The worker has its queue, the web service its database, and an outage can be run on both;
    unless one of the files is asked by nobody: then it is that one."""
    rest = "envFrom: [{secretRef: {name: outside}}]"
    parts = [OUTSIDE, _deployment("web", rest=rest), _service("web", 80, "NodePort"),
             _deployment("job-worker", "acme/jobs", rest)]  # fmt: skip
    imported = import_stack(_put(tmp_path, "---\n".join(parts)))
    stack = imported.stack
    roles = {name: service.role for name, service in stack.services.items()}
    assert roles == {"web": "http", "job-worker": "worker", "orders": "postgres",
                     "cache1": "redis"}  # fmt: skip
    assert list(stack.managed()) == ["orders", "cache1"]
    asked = "is orders a provider's, and which limits has it? postgres at orders.abc.eu-west-1."
    assert any(line.startswith(asked) for line in stack.questions)
    assert ("web", "orders") in {link[:2] for link in imported.links}
    again = load_stack(_put(tmp_path, stack_text(imported, "sim import app.yaml"), "stack.yaml"))
    assert again.services == stack.services
    parts.append(_deployment("redis", "redis:7"))
    assert list(load_stack(_put(tmp_path, "---\n".join(parts))).managed()) == ["orders"]


def test_a_variable_of_all_that_is_named_after_one_is_that_one_s(tmp_path: Path) -> None:
    shared = SHARED.replace("ledger-db:5432/books", "books-store/x").replace(
        "LEDGER_URL", "TILL_DB_URL"
    )
    parts = [shared, *(_deployment(f"{n}-deployment", f"acme/{n}", FROM_SHARED) for n in
             ("till", "shelf", "stock")), _deployment("books-store", "postgres:16")]  # fmt: skip
    links = import_stack(_put(tmp_path, "---\n".join(parts))).links
    sure = {link.caller for link in links if link.confidence == "high"}
    assert sure == {"till-deployment"}


def test_a_route_of_traefik_says_its_paths_in_words(tmp_path: Path) -> None:
    route = ("apiVersion: traefik.io/v1alpha1\nkind: IngressRoute\nmetadata: {{name: {0}}}\n"
             "spec: {{routes: [{{match: 'Host(`a`) && PathPrefix(`{1}`)', services: "
             "[{{name: {0}}}]}}]}}\n")  # fmt: skip
    parts = [_deployment("api"), _service("api"), _deployment("pages"), _service("pages"),
             route.format("api", "/api"), route.format("pages", "/")]  # fmt: skip
    assert load_stack(_put(tmp_path, "---\n".join(parts))).entry == "pages"


def test_containers_of_a_task_find_each_other_by_their_ports(tmp_path: Path) -> None:
    def container(name: str, port: int, **more: Any) -> dict[str, Any]:
        return {"name": name, "image": f"acme/{name}", "portMappings": [{"containerPort": port}],
                **more}  # fmt: skip

    told = [{"name": "DB_HOST", "value": "localhost"}, {"name": "DB_PORT", "value": "3306"},
            {"name": "STOCK_URL", "value": "http://127.0.0.1:81"}]  # fmt: skip
    waits = [{"containerName": "nginx-web", "condition": "START"}, {"containerName": "gone"}]
    task = {"networkMode": "awsvpc", "containerDefinitions": [
        container("site", 80, environment=told), container("stock", 81, dependsOn=waits),
        container("nginx-web", 82),
        container("db", 3306, environment=[{"name": "MYSQL_DATABASE", "value": "a"}]),
    ]}  # fmt: skip
    imported = import_stack(_put(tmp_path, json.dumps(task), "task.json"))
    found = {link[:2] for link in imported.links if link.confidence != "low"}
    assert found == {("site", "db"), ("site", "stock"), ("stock", "nginx-web")}
    assert imported.stack.services["nginx-web"].role == "proxy"


def test_more_caches_than_there_is_room_for_are_told(tmp_path: Path) -> None:
    names = [f"part{i}" for i in range(MOST_CACHES + 2)]
    parts = [_deployment("web"), _service("web", 80, "NodePort"),
             *(_deployment(f"{name}-memcached", "memcached:1") for name in names)]  # fmt: skip
    stack = load_stack(_put(tmp_path, "---\n".join(parts)))
    assert len(stack.playing("cache")) == MOST_CACHES
    line = f"part{MOST_CACHES}-memcached: role other (one more cache beside {MOST_CACHES})"
    assert line in stack.assumed

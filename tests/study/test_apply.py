"""A winner as files: what of a service's settings stands where, and what is named in a comment."""

from typing import Any

import pytest
from ruamel.yaml import YAML

from sim.study.ask import Ask
from sim.study.decision import apply
from sim.study.plan import plan

API = "stack.services.api."


def applied(platform: str, **settings: Any) -> tuple[dict[str, Any], str]:
    """The documents by kind (of Compose: the API's entry), and the whole text."""
    paths = {API + name.replace("__", "."): value for name, value in settings.items()}
    (case,) = plan(Ask("container_crash", [platform], settings=paths)).cases
    ((_, text),) = apply.files(case, paths, "it holds").items()
    documents = list(YAML(typ="safe").load_all(text))
    if platform == "compose":
        return documents[0]["services"]["api"], text
    return {document["kind"]: document["spec"] for document in documents}, text


@pytest.mark.parametrize(
    ("settings", "entry"),
    [
        ({"replicas": 1}, {"restart": "no", "deploy": {"replicas": 1}}),
        (
            {"stop__grace": "25s", "restart": "always"},
            {"restart": "always", "deploy": {"replicas": 1}, "stop_grace_period": "25s"},
        ),
        (
            {"cpu__limit": "500m", "memory__limit": "512Mi"},
            {
                "restart": "no",
                "deploy": {
                    "replicas": 1,
                    "resources": {"limits": {"cpus": "0.5", "memory": "512M"}},
                },
            },
        ),
    ],
)
def test_what_an_override_says_is_what_is_set(
    settings: dict[str, Any], entry: dict[str, Any]
) -> None:
    """No grace is written that nobody set: Docker's own ten seconds hold then."""
    found, text = applied("compose", **settings)
    assert found == entry
    assert text.startswith("# it holds\n")
    assert "not in this file" not in text


def test_what_a_patch_says_is_what_is_set() -> None:
    kinds, text = applied("kubernetes", stop__grace="25s", memory__limit="256Mi")
    pod = kinds["Deployment"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] == 25
    assert pod["containers"][0]["resources"]["limits"]["memory"] == "256Mi"
    assert "not in this file" not in text
    kinds, text = applied("kubernetes", concurrency=32, stop__grace=None)
    assert "terminationGracePeriodSeconds" not in kinds["Deployment"]["template"]["spec"]
    assert "# not in this file: stack.services.api.concurrency=32" in text


@pytest.mark.parametrize(
    ("budget", "written"),
    [
        ({"min_available": 1}, {"minAvailable": 1}),
        ({"max_unavailable": "25%"}, {"maxUnavailable": "25%"}),
    ],
)
def test_a_budget_is_a_number_or_a_share(budget: dict[str, Any], written: dict[str, Any]) -> None:
    kinds, _ = applied("kubernetes", disruption=budget)
    spec = kinds["PodDisruptionBudget"]
    assert {key: value for key, value in spec.items() if key != "selector"} == written
    assert spec["selector"] == {"matchLabels": {"app": "api"}}

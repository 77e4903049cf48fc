"""What an editor offers while one types, by the rules of a YAML language server: the properties of
the schemas that a mapping matches, of alternatives those that fit it best, and an enum's values.

Rules: redhat-developer/yaml-language-server, parser/jsonParser07 (testAlternatives: of `anyOf` the
best match) and services/yamlCompletion (addPropertyCompletions, addEnumValueCompletions)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from sim.library.files import document_of
from sim.schema.reference import json_schema
from sim.schema.stack import Stack
from tests.schema.test_reference import FILES, SCHEMAS


def matching(schema: dict[str, Any], node: Any, root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schemas that speak of a node."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        yield from matching(root["definitions"][name], node, root)
        return
    yield schema
    for each in schema.get("allOf", []):
        yield from matching(each, node, root)
    alternatives = schema.get("anyOf") or schema.get("oneOf") or []
    checkers = [
        jsonschema.Draft7Validator({**each, "definitions": root["definitions"]})
        for each in alternatives
    ]
    problems = [len(list(checker.iter_errors(node))) for checker in checkers]
    for each, found in zip(alternatives, problems, strict=True):
        if found == min(problems):
            yield from matching(each, node, root)


def offered(schema: dict[str, Any], node: Any, root: dict[str, Any]) -> set[str]:
    """The keys that may be completed in a mapping; "*" where any name may stand."""
    keys = set()
    for each in matching(schema, node, root):
        keys |= set(each.get("properties", {}))
        if isinstance(each.get("additionalProperties"), dict):
            keys.add("*")
    return keys


def below(schema: dict[str, Any], node: Any, key: Any, root: dict[str, Any]) -> dict[str, Any]:
    """What the schemas of a node say of one of its entries."""
    found = []
    for each in matching(schema, node, root):
        inside = (
            each.get("items") if isinstance(node, list) else each.get("properties", {}).get(key)
        )
        more = each.get("additionalProperties")
        if inside is None and isinstance(more, dict) and isinstance(node, dict):
            inside = more
        if isinstance(inside, dict):
            found.append(inside)
    return found[0] if len(found) == 1 else {"anyOf": found} if found else {}


def untyped(schema: dict[str, Any], node: Any, root: dict[str, Any], at: str) -> Iterator[str]:
    """Paths of keys and words that an editor would not offer to who has typed all but them."""
    if isinstance(node, dict):
        for key, value in node.items():
            rest = {other: kept for other, kept in node.items() if other != key}
            keys = offered(schema, rest, root)
            if keys and str(key) not in keys and "*" not in keys:
                yield f"{at}.{key}"
            yield from untyped(below(schema, node, key, root), value, root, f"{at}.{key}")
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from untyped(below(schema, node, i, root), value, root, f"{at}.{i}")
    elif isinstance(node, str):
        words = [word for each in matching(schema, "", root) for word in each.get("enum", [])]
        plain = any(each.get("type") == "string" for each in matching(schema, "", root))
        if words and not plain and node not in words:
            yield f"{at}: {node}"


@pytest.mark.parametrize(("record", "path"), FILES, ids=lambda part: getattr(part, "stem", ""))
def test_every_key_of_our_files_is_offered_to_who_types_it(record: Any, path: Any) -> None:
    root = SCHEMAS[record]
    assert list(untyped(root, document_of(path).data, root, "")) == []


@pytest.mark.parametrize(
    ("service", "key"),
    [
        ({"role": "http"}, "replicas"),
        ({"role": "http"}, "steps"),
        ({}, "role"),
    ],
)
def test_a_service_s_fields_are_offered(service: dict[str, Any], key: str) -> None:
    root = json_schema(Stack)
    inside = below(root["properties"]["services"], {"api": service}, "api", root)
    assert key in offered(inside, service, root)
    probes = below(inside, {"probes": {}}, "probes", root)
    assert {"startup", "readiness", "liveness"} <= offered(probes, {}, root)
    assert "readyness" not in offered(probes, {}, root)
    role = below(inside, service, "role", root)
    words = {word for each in matching(role, "", root) for word in each.get("enum", [])}
    assert {"http", "worker", "proxy"} <= words

"""How long who calls waits: told by the language where a line of the file tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.constants import facts
from sim.imports.compose.clients import client_of
from sim.imports.stack_text import stack_text
from sim.library.stacks import import_stack, load_stack

NONE, TCP = facts.CALL_TIMEOUT.value, facts.CALL_CONNECT.value


@pytest.mark.parametrize(
    ("body", "variables", "says", "by"),
    [
        ({"image": "node:20-alpine"}, [], "Node", "node in its image"),
        ({"image": "acme/shop", "command": "npm run start"}, [], "Node", "npm in its command"),
        ({"image": "python:3", "command": ["node", "x.js"]}, [], "Node", "node in its command"),
        ({"image": "acme/shop", "command": "gunicorn app:app"}, [], "Python", "gunicorn"),
        ({"image": "localhost:5000/eclipse-temurin:21"}, [], "Java", "temurin in its image"),
        ({"build": {"context": "./dotnet/api"}}, [], ".NET", "dotnet in its build"),
        ({"build": "./cart"}, ["ASPNETCORE_URLS"], ".NET", "ASPNETCORE_URLS"),
        ({"image": "golang:1.22"}, [], "Go", "golang in its image"),
        ({"image": "golang:1.22"}, ["GRPC_PORT"], "gRPC", "GRPC_PORT"),
        ({"image": "acme/web"}, ["RAILS_ENV"], "Ruby", "RAILS_ENV"),
        ({"image": "php:8-fpm"}, [], "PHP", "php in its image"),
        ({"image": "acme/web"}, ["RUST_LOG"], "Rust", "RUST_LOG"),
        ({"image": "gcr.io/google-samples/cart"}, ["PORT"], "", ""),  # no word of Go in google
        ({"image": "acme/nodes-and-javas"}, ["NODES", "GOD"], "", ""),
        ({}, [], "", ""),
    ],
)
def test_what_tells_a_language(body, variables, says, by):
    found = client_of(body, variables)
    assert (found is None) == (not says)
    if found:
        assert says in found[0].says
        assert by in found[1]


FILE = """
services:
  web: {image: "node:20", ports: ["80:3000"], environment: {CART_URL: "http://cart:8080"}}
  cart: {image: acme/cart, environment: {ASPNETCORE_URLS: "http://+:80", TAX_URL: "http://tax:80"}}
  tax: {image: "ruby:3.3", environment: {RATES_URL: "http://rates:80"}}
  rates: {image: acme/rates, environment: {LAW_URL: "http://law:80"}}
  law: {build: ./law}
"""


def test_calls_wait_as_long_as_the_client_of_their_language(tmp_path: Path):
    file = tmp_path / "compose.yml"
    file.write_text(FILE)
    imported = import_stack(str(file))
    stack = imported.stack
    assert {
        name: [(step.timeout, step.connect_timeout) for step in service.steps or () if step.call]
        for name, service in stack.services.items()
    } == {
        "web": [(NONE, TCP)], "cart": [(100.0, TCP)], "tax": [(60.0, 60.0)],
        "rates": [(NONE, TCP)], "law": [],
    }  # fmt: skip
    # who has none and is not told apart from who is: asked for, once
    (question,) = (line for line in stack.questions if "how long do they wait" in line)
    assert question.startswith("calls of rates: how long do they wait?")
    text = stack_text(imported, "import")
    assert f"# ? {question}" in text
    calls = [line for line in text.splitlines() if "call:" in line]
    assert "no time-out of Node's http" in calls[0]
    assert "the time-out of .NET's HttpClient, by ASPNETCORE_URLS" in calls[1]
    assert "the time-out of Ruby's Net::HTTP, by ruby in its image" in calls[2]
    assert "no time-out since nothing tells its language" in calls[3]
    written = tmp_path / "stack.yaml"
    written.write_text(text)
    assert load_stack(str(written)).services == stack.services

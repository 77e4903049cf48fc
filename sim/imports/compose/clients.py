"""How long a service waits for another whom it calls: what its language's client does who is told
nothing. Rows of a table: the client, its time-outs, and the words and variables that tell it.

A time-out that the code sets is in no file; a row says what holds without one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sim.constants import facts
from sim.constants.facts import Fact

_FOREVER, _DIAL = facts.CALL_TIMEOUT, facts.CALL_CONNECT  # TCP's own patience


class HttpClient(NamedTuple):
    """Who makes the calls of a language, and how long it waits if nobody says."""

    says: str
    words: str  # of a command or an image that tell the language
    variables: str  # beginnings of names in its environment that do
    timeout: Fact[float] = _FOREVER
    connect: Fact[float] = _DIAL


Found = tuple[HttpClient, str] | None  # who, and what tells it

CLIENTS = (
    HttpClient("gRPC", "", "GRPC_", connect=facts.GRPC_CONNECT),
    HttpClient(
        "Node's http, axios and node-fetch",
        "node nodejs npm npx yarn pnpm pm2 nodemon nest nestjs next nextjs express",
        "NODE_ NPM_",
    ),
    HttpClient(
        "Python's requests",
        "python python3 flask django fastapi gunicorn uvicorn hypercorn celery poetry",
        "PYTHON DJANGO_ FLASK_ CELERY GUNICORN_ UVICORN_",
    ),
    HttpClient(
        "Java's HttpClient and RestTemplate",
        "java jdk jre openjdk temurin corretto tomcat spring springboot maven mvn gradle quarkus",
        "JAVA_ _JAVA_ JDK_ SPRING_ JVM_ CATALINA_",
    ),
    HttpClient(".NET's HttpClient", "dotnet aspnet", "ASPNETCORE_ DOTNET_", facts.DOTNET_TIMEOUT),
    HttpClient(
        "Ruby's Net::HTTP",
        "ruby bundle rails rake puma unicorn sidekiq",
        "RAILS_ RACK_ RUBY BUNDLE_",
        facts.RUBY_TIMEOUT,
        facts.RUBY_CONNECT,
    ),
    HttpClient(
        "PHP's streams",
        "php fpm artisan laravel symfony wordpress drupal",
        "PHP_",
        facts.PHP_TIMEOUT,
        facts.PHP_TIMEOUT,
    ),
    HttpClient("Go's http.Client", "go golang", "GOMAXPROCS GOGC GOMEMLIMIT GIN_MODE",
           connect=facts.GO_CONNECT),
    HttpClient("Rust's reqwest", "rust cargo", "RUST_"),
)  # fmt: skip
_WORD = re.compile(r"[a-z]+3?")


def client_of(body: Mapping[str, Any], variables: Iterable[str]) -> Found:
    """The client that a service's lines tell, and what tells it; None if nothing does. A variable
    of gRPC says more than a language; a command more than an image, that more than a variable."""
    grpc, *languages = CLIENTS
    return (
        _by_variable([grpc], variables)
        or _by_word(languages, body)
        or _by_variable(languages, variables)
    )


def patience(found: Found) -> tuple[float, float, str]:
    """The two time-outs of a call's step, and why they are so."""
    client, place = found or (HttpClient("", "", ""), "")
    kind = "no time-out" if client.timeout is _FOREVER else "the time-out"
    why = f"of {client.says}, by {place}" if found else "since nothing tells its language"
    return client.timeout.value, client.connect.value, f"{kind} {why}"


def _by_variable(clients: Sequence[HttpClient], variables: Iterable[str]) -> Found:
    return next(
        (
            (client, name)
            for client in clients
            for name in variables
            if name.upper().startswith(tuple(client.variables.split()))
        ),
        None,
    )


def _by_word(clients: Sequence[HttpClient], body: Mapping[str, Any]) -> Found:
    image = str(body.get("image") or "").partition("@")[0].rpartition("/")[2].partition(":")[0]
    build = body.get("build") or ""
    if isinstance(build, Mapping):
        build = [build.get("context"), build.get("dockerfile")]
    command = [body.get("entrypoint"), body.get("command")]
    for place, value in (("command", command), ("image", image), ("build", build)):
        for word in _WORD.findall(str(value).lower()):
            for client in clients:
                if word in client.words.split():
                    return client, f"{word} in its {place}"
    return None

"""The description of the API against the API."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance import event_codes
from appliance.web.app import create_app
from appliance.web.requests import WAITING_IMAGE_PATH
from tests.unit.web.conftest import LOCAL
from tests.unit.web.fakes import Fakes, picture
from tests.unit.web.test_api import BODIES


@pytest.fixture(params=[True, False], ids=["demonstration", "pi"])
def each(request: pytest.FixtureRequest, fakes: Fakes) -> tuple[Flask, FlaskClient, Fakes]:
    own = fakes if request.param else Fakes(fakes.snapshots.folder.parent)
    app = create_app(own.services)
    client = app.test_client()
    client.environ_base.update(LOCAL)
    return app, client, own


def routes(app: Flask) -> set[tuple[str, str]]:
    found = set()
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/") or rule.endpoint.startswith("health."):
            path = re.sub(r"<(\w+)>", r"{\1}", rule.rule)
            found |= {(path, method.lower()) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    return found


def described(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {(path, method) for path, methods in document["paths"].items() for method in methods}


def test_it_describes_every_route_and_no_other(each: tuple[Flask, FlaskClient, Fakes]) -> None:
    app, client, _ = each
    document = client.get("/api/v1/openapi.json").get_json()
    assert document["openapi"].startswith("3.1.")
    assert described(document) == routes(app)


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def resolve(document: dict[str, Any], reference: str) -> dict[str, Any]:
    node: dict[str, Any] = document
    for step in reference.removeprefix("#/").split("/"):
        node = node[step]
    return node


def test_its_references_and_schemas_hold(each: tuple[Flask, FlaskClient, Fakes]) -> None:
    document = each[1].get("/api/v1/openapi.json").get_json()
    used = set(references(document))
    assert all(resolve(document, reference) for reference in used)
    assert {f"#/components/schemas/{name}" for name in document["components"]["schemas"]} <= used
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for path, methods in document["paths"].items():
        for method in methods.values():
            assert method["summary"]
            names = {p["name"] for p in method.get("parameters", ()) if p["in"] == "path"}
            assert names == set(re.findall(r"{(\w+)}", path))


def check(document: dict[str, Any], path: str, method: str, answer: Any) -> None:
    """The answer has a described status, content type and shape."""
    responses = document["paths"][path][method]["responses"]
    assert str(answer.status_code) in responses, (path, answer.status_code)
    response = responses[str(answer.status_code)]
    response = resolve(document, response["$ref"]) if "$ref" in response else response
    media = answer.content_type.partition(";")[0]
    assert media in response["content"], (path, media)
    if media == "application/json":
        schema = {**response["content"][media]["schema"], "components": document["components"]}
        jsonschema.validate(answer.get_json(), schema, jsonschema.Draft202012Validator)


def test_answers_are_as_described(each: tuple[Flask, FlaskClient, Fakes]) -> None:
    _, client, fakes = each
    fakes.snapshots.add("a.jpg")
    fakes.events.emit(event_codes.DNS_FAIL, reason="x")
    document = client.get("/api/v1/openapi.json").get_json()
    bodies: dict[str, dict[str, Any]] = {
        **{f"/api/v1/{name}": body for name, body in BODIES.items()},
        "/api/v1/settings": {"debug": True},
        "/api/v1/simulated/press": {"button": "pause"}, "/api/v1/simulated/hold": {"pin": 27, "seconds": 1},
        "/api/v1/simulated/unplug": {"device": "back"}, "/api/v1/simulated/plug": {"name": "back"},
    }  # fmt: skip
    fakes.waiting_image.picture = picture("waiting")
    for path, method in sorted(described(document), key=lambda one: (one[1] == "delete", one)):
        if path.endswith((".mjpeg", "/stream")):
            continue  # these have no end; the integration tests read them
        body = bodies.get(path)
        if method != "get" and body is not None:
            schema = document["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"]
            jsonschema.validate(body, {**schema, "components": document["components"]})
        real = path.replace("{name}", "a.jpg")
        if path == WAITING_IMAGE_PATH and method == "post":
            answer = client.post(path, data=picture("waiting"), content_type="image/jpeg")
        else:
            answer = client.open(real, method=method, json=body if method != "get" else None)
        assert answer.status_code == 200, (path, answer.text)
        check(document, path, method, answer)
        answer.close()


def test_errors_are_as_described(each: tuple[Flask, FlaskClient, Fakes], app: Flask) -> None:
    _, client, fakes = each
    fakes.preview.on = False  # type: ignore[union-attr]
    document = client.get("/api/v1/openapi.json").get_json()
    stranger = create_app(fakes.services).test_client()
    for path, method in sorted(described(document)):
        real = path.replace("{name}", "nothing.jpg")
        if path.startswith("/api/"):
            check(document, path, method, stranger.open(real, method=method))
        if path.startswith("/api/") and path != "/api/v1/snapshots/{name}":
            check(document, path, method, client.open(f"{real}?nonsense=1", method=method, json={}))
        if method in ("post", "patch"):
            check(document, path, method, client.open(real, method=method, data=b"{"))
            check(document, path, method, client.open(real, method=method, data=b"x", content_type="text/plain"))
            check(document, path, method, client.open(real, method=method, json={"nonsense": 1}))
            check(document, path, method, client.open(real, method=method, data=b" " * 70000))
    for path in ("/api/v1/preview.jpg", "/api/v1/snapshots/{name}"):
        check(document, path, "get", client.get(path.replace("{name}", "nothing.jpg")))
    fakes.healthy = False
    check(document, "/healthz", "get", client.get("/healthz"))

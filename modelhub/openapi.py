"""The hub's part of the OpenAPI document, written beside the plain views. docs/protocol.md says the rest."""

from typing import Any

from modelhub.api.latest import BARE, SIGNED
from modelhub.enums import Platform, Runtime

SLUG = {"type": "string", "pattern": "^[-a-zA-Z0-9_]+$"}
SHA256 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
TEXT = {"type": "string"}
BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
IF_NONE_MATCH = {"name": "If-None-Match", "in": "header", "required": False, "schema": TEXT}


def paths() -> dict[str, Any]:
    """Path items by path, as plain data."""
    return {
        "/models/latest": {"get": _latest(), "head": _head(_latest())},
        "/models/key": {"get": _key(), "head": _head(_key())},
        "/m/sha256/{shard}/{sha256}": {"get": _artifact(), "head": _head(_artifact())},
    }


def _latest() -> dict[str, Any]:
    parameters = [
        _query("project", SLUG),
        _query("channel", SLUG),
        _query("iface", {"type": "integer", "minimum": 1}),
        _query("platform", {"type": "string", "enum": [str(value) for value in Platform.values]}),
        _query("runtime", {"type": "string", "enum": [str(value) for value in Runtime.values]}),
        IF_NONE_MATCH,
    ]
    document = {
        SIGNED: {
            "schema": _object(payloadType=TEXT, payload=TEXT, signatures={"type": "array", "items": _signature()})
        },
        BARE: {"schema": {"type": "object"}},
    }
    responses = {
        "200": {"description": "The document: a DSSE envelope, or bare for people", "content": document},
        "304": {"description": "The phone has it already"},
        "400": _problem("A parameter is unknown, missing, repeated or has a value that is not allowed"),
        "404": _problem("Nothing is published for this project, channel, iface, platform or runtime"),
        "406": _problem("Accept names neither type"),
    }
    return _operation("latest_model", "The signed document that says which model to use", parameters, responses)


def _key() -> dict[str, Any]:
    key = _object(keyid=TEXT, algorithm={"type": "string", "enum": ["ed25519"]}, public_key=TEXT)
    schema = _object(keys={"type": "array", "items": key})
    found = {"description": "Public keys, base64, the newest last", "content": {"application/json": {"schema": schema}}}
    responses = {"200": found, "503": _problem("The server has no key yet")}
    return _operation("hub_keys", "The public keys that apps pin", [], responses)


def _artifact() -> dict[str, Any]:
    shard = {"type": "string", "pattern": "^[0-9a-f]{2}$", "description": "the first two digits of sha256"}
    parameters = [
        {"name": "shard", "in": "path", "required": True, "schema": shard},
        {"name": "sha256", "in": "path", "required": True, "schema": SHA256},
        *({"name": name, "in": "header", "required": False, "schema": TEXT} for name in ("Range", "If-Range")),
        IF_NONE_MATCH,
    ]
    responses = {
        "200": {"description": "The whole file", "content": BYTES},
        "206": {"description": "The part that Range asks for", "content": BYTES},
        "304": {"description": "The phone has it already"},
        "404": _problem("No release has such a file"),
        "416": _problem("The range begins behind the end"),
        "503": _problem("The bytes are missing on the server; try again later"),
    }
    return _operation("artifact", "The immutable bytes of a model file", parameters, responses)


def _operation(name: str, summary: str, parameters: list[Any], responses: dict[str, Any]) -> dict[str, Any]:
    every = responses | {"405": _problem("Only GET and HEAD")}
    return {"operationId": name, "summary": summary, "tags": ["models"], "parameters": parameters, "responses": every}


def _head(operation: dict[str, Any]) -> dict[str, Any]:
    answers = {
        status: {"description": answer["description"]}
        for status, answer in operation["responses"].items()
        if status not in {"206", "416"}
    }
    return operation | {"operationId": f"{operation['operationId']}_head", "responses": answers}


def _query(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": True, "schema": schema}


def _problem(description: str) -> dict[str, Any]:
    schema = _object(type=TEXT, title=TEXT, status={"type": "integer"}, detail=TEXT, allowed=TEXT, do=TEXT)
    return {"description": description, "content": {"application/problem+json": {"schema": schema}}}


def _signature() -> dict[str, Any]:
    return _object(keyid=TEXT, sig=TEXT)


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}

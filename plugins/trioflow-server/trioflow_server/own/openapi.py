"""The OpenAPI 3.1 description, made from the routes and the workflows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

from starlette.responses import Response

from trioflow import Workflow
from trioflow_server.answers import json_answer
from trioflow_server.calls import Call
from trioflow_server.decoding import Field
from trioflow_server.endpoints import Endpoint
from trioflow_server.schemas import inlined

_PARAMETER = re.compile(r"{(\w+)}")
_MEDIA = {
    "json": "application/json",
    "records": "text/plain",
    "events": "text/event-stream",
    "html": "text/html",
    "file": "application/octet-stream",
}
ERROR = {
    "type": "object",
    "properties": {
        "error": {"type": "string"},
        "code": {"type": "string"},
        "issues": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
    "required": ["error", "code"],
}


async def describe(call: Call) -> Response:
    """Describe this interface."""
    from trioflow_server.table import all_endpoints  # it contains this endpoint

    return json_answer(description(call, all_endpoints()))


def description(call: Call, endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """Return the description of endpoints, and of the workflows of an engine."""
    paths: dict[str, Any] = {}
    for endpoint in endpoints:
        if endpoint.answer in ("json", "records", "events"):
            paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation(endpoint)
    workflows = call.service.engine.workflows
    schemas: dict[str, Any] = {"Error": ERROR}
    for id, workflow in workflows.items():
        schemas |= _schemas(call, workflow)
        paths[f"/api/workflows/{id}/runs"] = {"post": _start_of(id)}
    root = call.request.scope.get("root_path", "")
    return {
        "openapi": "3.1.0",
        "info": {"title": "trioflow", "version": version("trioflow-server")},
        "servers": [{"url": root or "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def operation(endpoint: Endpoint) -> dict[str, Any]:
    """Return the description of an endpoint."""
    found: dict[str, Any] = {
        "summary": endpoint.summary,
        "operationId": f"{endpoint.method.lower()} {endpoint.path}",
        "parameters": [*_in_path(endpoint.path), *_in_query(endpoint.query)],
        "responses": {
            "200": _response(endpoint),
            "default": {
                "description": "What is wrong",
                "content": _content("json", {"$ref": "#/components/schemas/Error"}),
            },
        },
    }
    if endpoint.body is not None:
        schema = body_schema(endpoint.body)
        found["requestBody"] = {"content": _content("json", schema)}
    if not endpoint.is_public:
        found["security"] = [{"token": list(endpoint.needs)}]
    return found


def body_schema(fields: Iterable[Field]) -> dict[str, Any]:
    """Return the JSON Schema of a body."""
    fields = tuple(fields)
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {field.name: field.schema() for field in fields},
    }
    required = [field.name for field in fields if field.required]
    return {**schema, "required": required} if required else schema


def _in_path(path: str) -> Iterable[Mapping[str, Any]]:
    for name in _PARAMETER.findall(path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _in_query(fields: Iterable[Field]) -> Iterable[Mapping[str, Any]]:
    for field in fields:
        about = {"name": field.name, "in": "query", "schema": field.schema()}
        yield {**about, "required": True} if field.required else about


def _response(endpoint: Endpoint) -> dict[str, Any]:
    return {"description": endpoint.summary, "content": _content(endpoint.answer, endpoint.schema)}


def _content(kind: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {_MEDIA[kind]: {"schema": schema}}


# ---------------------------------------------------------------- workflows
def _schemas(call: Call, workflow: Workflow[Any, Any]) -> dict[str, Any]:
    kinds = {"input": workflow.input, "output": workflow.output, "state": workflow.state}
    return {
        f"{workflow.id}.{kind}": _schema(call, type_)
        for kind, type_ in kinds.items()
        if kind != "state" or type_ is not Any
    }


def _schema(call: Call, type_: Any) -> Any:
    try:
        return {} if type_ is Any else inlined(call.service.engine.json_schema(type_))
    except Exception:  # a type without a schema, or a hook of a plugin that fails
        return {}


def _start_of(id: str) -> dict[str, Any]:
    body = {
        "type": "object",
        "properties": {
            "inputData": {"$ref": f"#/components/schemas/{id}.input"},
            "runId": {"type": "string"},
            "resourceId": {"type": "string"},
        },
    }
    return {
        "summary": f"Start a run of {id}",
        "operationId": f"start {id}",
        "requestBody": {"content": _content("json", body)},
        "responses": {"201": {"description": "The run has been started"}},
        "security": [{"token": ["start"]}],
    }

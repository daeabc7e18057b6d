"""The decoders of requests take anything, and either understand it or say what is wrong."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trioflow_server.compat.routes import RESUME, STREAM
from trioflow_server.decoding import Field, Query, read_context, read_fields, read_json
from trioflow_server.finding import check_run_id
from trioflow_server.problems import Problem
from trioflow_server.safety.hosts import Origins, _is_same, _name_of
from trioflow_server.safety.sessions import Sessions
from trioflow_server.safety.tokens import TokenFileError, Tokens, read_tokens
from trioflow_server.schemas import inlined
from trioflow_server.values import dump

from trioflow.abc import Principal

from .serving import OPEN

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
FIELDS = st.sampled_from([*STREAM, *RESUME, Field("n", "number"), Field("a", "array", True)])


@given(st.binary())
def test_bytes_are_json_or_a_problem(body: bytes) -> None:
    try:
        read_json(body)
    except Problem as problem:
        assert problem.status == 400
        assert problem.issues


def test_a_number_with_too_many_digits_is_named_in_words_for_clients() -> None:
    with pytest.raises(Problem) as caught:
        read_json(b"9" * 5_000)

    [issue] = caught.value.issues
    assert issue.message.endswith("value has 5000 digits")
    assert issue.message.startswith("Invalid JSON: Exceeds the limit")


@given(JSON)
def test_json_is_read_as_it_was_written(value: Any) -> None:
    body = dump(value)

    assert dump(read_json(body)) == body


@given(JSON | st.dictionaries(FIELDS.map(lambda field: field.name), JSON), st.lists(FIELDS))
def test_fields_are_of_their_types_or_named(value: Any, fields: list[Field]) -> None:
    try:
        found = read_fields(value, fields)
    except Problem as problem:
        names = {field.name for field in fields} | {"root"}
        assert {issue.field for issue in problem.issues} <= names
        assert problem.issues
    else:
        for name, given_value in found.items():
            assert given_value is value[name]


@pytest.mark.parametrize("depth", [101, 5_000, 200_000])
def test_a_value_that_is_nested_too_deeply_is_a_problem(depth: int) -> None:
    with pytest.raises(Problem):
        read_json(b"[" * depth + b"]" * depth)


@given(st.dictionaries(st.sampled_from(["a", "b"]), st.text()))
def test_queries_are_read_or_named(values: dict[str, str]) -> None:
    query = Query(values)
    number, flag, chosen = query.number("a"), query.flag("b"), query.chosen("a", ["x"])
    query.need("b")

    assert number is None or number >= 0
    assert flag in (True, False)
    assert chosen in (None, "x")
    for issue in query.issues:
        assert issue.field in ("a", "b")


@given(st.text() | JSON.map(json.dumps) | st.binary().map(lambda b: base64.b64encode(b).decode()))
def test_a_context_that_cannot_be_read_is_ignored(text: str) -> None:
    assert isinstance(read_context(text), dict)


@given(st.dictionaries(st.text(), JSON))
def test_a_context_is_read_from_json_and_from_base64(context: dict[str, Any]) -> None:
    text = dump(context).decode()
    encoded = base64.b64encode(text.encode()).decode()

    assert dump(read_context(text)) == dump(context)
    assert dump(read_context(encoded)) == dump(context)


@given(st.text())
def test_an_id_is_safe_in_a_path_or_refused(run_id: str) -> None:
    try:
        check_run_id(run_id)
    except Problem as problem:
        assert problem.code == "invalid-id"
    else:
        assert not set(run_id) & set("/?#% \r\n\t\0<>\"'")
        assert run_id not in (".", "..", "")


SESSIONS = Sessions(Tokens({"0123456789abcdef": Principal("ada")}))


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_a_cookie_that_is_made_up_is_nobodys(cookie: str) -> None:
    assert SESSIONS.principal(cookie) is None


@given(st.text(), st.text())
def test_hosts_and_origins_may_be_anything(host: str, origin: str) -> None:
    _is_same(origin, host)
    origins = Origins(OPEN)
    for headers in ({"host": host, "origin": origin}, {"host": host}):
        try:
            origins.check_host(headers)
            origins.check_origin("POST", headers)
        except Problem as problem:
            assert problem.status in (403, 421)
        else:
            assert _name_of(host) in ("127.0.0.1", "localhost", "[::1]")


@given(st.lists(st.text()))
def test_token_files_are_read_or_refused(lines: list[str]) -> None:
    try:
        found = read_tokens(lines)
    except TokenFileError as error:
        assert 1 <= error.line <= len(lines)
    else:
        assert all(len(token) >= 16 for token in found)


@given(JSON.filter(lambda value: isinstance(value, dict)))
def test_any_schema_can_be_inlined(schema: dict[str, Any]) -> None:
    if isinstance(schema.get("$defs", {}), dict):
        inlined(schema)


def test_a_schema_that_contains_itself_keeps_its_definition() -> None:
    tree = {"type": "object", "properties": {"left": {"$ref": "#/$defs/Tree"}}}
    schema = {"$ref": "#/$defs/Tree", "$defs": {"Tree": tree}}

    assert inlined(schema) == {
        "type": "object",
        "properties": {"left": {"$ref": "#/$defs/Tree"}},
        "$defs": {"Tree": tree},
    }

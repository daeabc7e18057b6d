"""Whatever a server's schema and a caller's arguments are, both arrive as they were sent."""

from __future__ import annotations

import string
from typing import Any

import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trioflow_mcp import open_mcp

from .helping import engine_with, output_of
from .scripted import server_of, tool

NAMES = st.text(string.ascii_letters + string.digits + "_-. ü", min_size=1, max_size=8)
SCALARS = st.one_of(
    st.builds(dict, type=st.just("string"), maxLength=st.integers(5, 9)),
    st.builds(dict, type=st.just("integer"), minimum=st.integers(-9, 0)),
    st.builds(dict, type=st.just("boolean"), default=st.booleans()),
    st.builds(dict, type=st.just("number"), title=st.text(max_size=5)),
    st.builds(dict, enum=st.lists(st.text(max_size=3), min_size=1, max_size=3, unique=True)),
    st.just({}),
)
SCHEMAS: st.SearchStrategy[dict[str, Any]] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.builds(dict, type=st.just("array"), items=inner),
        st.builds(
            dict,
            type=st.just("object"),
            properties=st.dictionaries(NAMES, inner, max_size=3),
            additionalProperties=st.booleans(),
        ),
        st.builds(dict, anyOf=st.lists(inner, min_size=1, max_size=2)),
    ),
    max_leaves=6,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=30)
@given(st.dictionaries(NAMES, SCHEMAS, max_size=4), st.data())
def test_schemas_pass_through(properties: dict[str, Any], data: st.DataObject) -> None:
    required = (
        data.draw(st.lists(st.sampled_from(sorted(properties)), unique=True)) if properties else []
    )
    schema = {"type": "object", "properties": properties, "required": required, "x-own": [1]}

    async def read() -> Any:
        async with open_mcp(server_of([tool("t", schema)])) as tools:
            return tools[0].schema

    assert trio.run(read) == schema


@settings(deadline=None, max_examples=30)
@given(st.dictionaries(NAMES, JSON, max_size=4))
def test_arguments_pass_through(arguments: dict[str, Any]) -> None:
    async def echo() -> Any:
        async with engine_with(server_of([tool("t")])) as engine:
            return await output_of(engine, "t", **arguments)

    assert trio.run(echo) == {"arguments": arguments}

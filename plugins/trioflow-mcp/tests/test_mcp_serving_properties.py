"""Whatever the types of a workflow are, clients can call it, and the result fits its schema."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp import Client
from trioflow_mcp.serving.catalogue import TOOL_CALL
from trioflow_mcp.serving.plain import written
from trioflow_mcp.serving.schemas import INPUT, RESULT

from trioflow import Workflow, step
from trioflow.testing.strategies import TypedValues, json_types

from .test_mcp_serving import service, text_in


@pytest.mark.slow
@settings(deadline=None, max_examples=25)
@given(json_types(), st.data())
def test_values_of_all_types_come_back(kind: TypedValues, data: st.DataObject) -> None:
    value = data.draw(kind.values)

    @step(id="same", input=kind.type, output=kind.type)
    async def same(given: Any) -> Any:
        return given

    workflow = Workflow("same", input=kind.type, output=kind.type).then(same)

    async def call() -> None:
        async with (
            service(workflows=[workflow, TOOL_CALL]) as made,
            Client(made.server, mode="legacy") as client,
        ):
            tools = (await client.list_tools()).tools  # results are then checked
            sent = written(value, made.engine.converter)
            takes_object = INPUT not in tools[0].input_schema.get("properties", {})
            result = await client.call_tool("same", sent if takes_object else {INPUT: sent})
            assert not result.is_error, text_in(result)
            content = result.structured_content
            assert (content if made.catalogue["same"].gives_object else content[RESULT]) == sent

    trio.run(call)

"""Workflows and tools as tools of an MCP server, tried with the SDK's client in both protocols."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
import trio
from mcp import Client
from mcp.shared.exceptions import MCPError
from trioflow_agents import Agent, Scripted, ScriptedModel, ToolRequest, approval
from trioflow_mcp import McpToolError, open_mcp
from trioflow_mcp.serving.catalogue import TOOL_CALL, catalogue_of
from trioflow_mcp.serving.service import Service

from trioflow import Workflow, open_engine, tool
from trioflow.errors import UnknownNameError
from trioflow.stores import MemoryStore

from . import served
from .helping import CALL, engine_with, output_of

Answer = Callable[[types.ElicitRequestFormParams], types.ElicitResult]


@pytest.fixture(params=["legacy", "auto"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def service(ids: tuple[str, ...] = (), **options: Any) -> AsyncIterator[Service]:
    workflows = [*served.WORKFLOWS, TOOL_CALL]
    defaults: dict[str, Any] = {"tools": [served.double], "workflows": workflows}
    defaults["plugins"] = ["mcp"]
    async with open_engine(**(defaults | options)) as engine:
        yield Service(engine, catalogue_of(engine, ids))


@asynccontextmanager
async def client(
    mode: str, answer: Answer | None = None, of: Service | None = None
) -> AsyncIterator[Client]:
    """Yield a client of a server; it can ask its user if there are answers."""

    async def callback(context: object, params: Any) -> types.ElicitResult:
        assert answer is not None
        return answer(params)

    options: Any = {} if answer is None else {"elicitation_callback": callback}
    if of is not None:
        async with Client(of.server, mode=mode, **options) as made:
            yield made
        return
    async with service() as new, Client(new.server, mode=mode, **options) as made:
        await made.list_tools()  # the client then checks results against their schemas
        yield made


def accept(**content: Any) -> Answer:
    return lambda params: types.ElicitResult(action="accept", content=content)


def text_in(result: types.CallToolResult) -> str:
    return "\n".join(part.text for part in result.content if isinstance(part, types.TextContent))


async def test_the_tools_are_workflows_and_tools_with_their_schemas(mode: str) -> None:
    async with client(mode) as made:
        tools = {each.name: each for each in (await made.list_tools()).tools}

    assert {"shop.buy", "loud", "double", "resume"} <= tools.keys()
    assert TOOL_CALL.id not in tools
    buy = tools["shop.buy"]
    assert buy.description == "Buy something."
    assert buy.input_schema["properties"]["count"]["type"] == "integer"
    assert buy.input_schema["required"] == ["item"]
    assert buy.output_schema is not None
    assert buy.output_schema["anyOf"][0]["properties"]["total"] == {"type": "number"}
    assert tools["loud"].input_schema["properties"] == {"input": {"type": "string"}}
    number = tools["double"].input_schema["properties"]["number"]
    assert number["description"] == "what to double"


async def test_the_result_is_structured(mode: str) -> None:
    async with client(mode) as made:
        bought = await made.call_tool("shop.buy", {"item": "tea", "count": 2})
        loud = await made.call_tool("loud", {"input": "tea"})
        doubled = await made.call_tool("double", {"number": 4})

    assert not bought.is_error
    assert bought.structured_content == {"item": "tea", "total": 5.0, "notes": []}
    assert json.loads(text_in(bought)) == bought.structured_content
    assert bought.meta is not None
    assert bought.meta["trioflow/runId"]
    assert loud.structured_content == {"result": "TEA"}
    assert doubled.structured_content == {"result": 8}


@pytest.mark.parametrize(
    ("name", "arguments", "problem"),
    [
        ("failing", {"input": "no luck"}, "RuntimeError: no luck"),
        ("shop.buy", {"item": 5}, "InvalidValueError: input of workflow 'shop.buy' is invalid"),
        ("shop.buy", {}, "item"),
        ("loud", {"text": "x"}, "unknown argument 'text'; the only one is 'input'"),
        ("loud", {}, "expected str"),
        ("double", {"number": "x"}, "InvalidValueError"),
        ("resume", {"run_id": "unknown", "answer": 1}, "unknown"),
        ("resume", {}, "expected run_id"),
    ],
)
async def test_errors_are_results_without_traceback(
    mode: str, name: str, arguments: dict[str, Any], problem: str
) -> None:
    async with client(mode) as made:
        result = await made.call_tool(name, arguments)

    assert result.is_error
    assert problem in text_in(result)
    assert "Traceback" not in text_in(result)
    assert "served.py" not in text_in(result)


async def test_a_tool_that_is_not_served(mode: str) -> None:
    async with client(mode) as made:
        with pytest.raises(MCPError, match="there is no tool 'nothing'"):
            await made.call_tool("nothing", {})


async def test_events_are_progress(mode: str) -> None:
    told: list[Any] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, message))

    async with client(mode) as made:
        await made.call_tool("shop.buy", {"item": "tea"}, progress_callback=note)

    told.sort()
    assert [message for _, message in told] == [
        "price: started",
        'price: {"looking": "tea"}',
        "price: success",
    ]


async def test_the_clients_cancellation_cancels_the_run_and_waits(
    mode: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    async with service() as made, client(mode, of=made) as connected:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(connected.call_tool, "hanging", {"input": str(log)})
                while not log.exists():  # noqa: ASYNC110  # only the body tells
                    await trio.sleep(0.01)
                scope.cancel()
        (info,) = await made.engine.list_runs()
        result = await made.engine.get_run(info.run_id).wait()

    assert result.status == "canceled"
    assert result.reason == "the client canceled the call"
    assert log.read_text().split() == ["started", "cleaned", "up"]


async def test_canceling_while_the_user_is_asked_cancels_the_run() -> None:
    asked = trio.Event()

    async def callback(context: object, params: Any) -> types.ElicitResult:
        asked.set()
        await trio.sleep_forever()
        raise AssertionError

    async with (
        service() as made,
        Client(made.server, mode="legacy", elicitation_callback=callback) as connected,
    ):
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(connected.call_tool, "named", {})
                await asked.wait()
                scope.cancel()
        (info,) = await made.engine.list_runs()
        with trio.fail_after(10):
            while (await made.engine.find_run_info(info.run_id)).status != "canceled":  # noqa: ASYNC110
                await trio.sleep(0.01)


# ---------------------------------------------------------------- suspended runs
@pytest.mark.parametrize(
    ("name", "arguments", "answer", "output"),
    [
        ("named", {}, accept(answer="Ada"), {"result": "hello Ada"}),
        ("ordered", {}, accept(item="tea", count=3), {"item": "tea", "count": 3}),
        ("free", {}, accept(answer='{"a": 1}'), {"result": {"a": 1}}),
        ("free", {}, accept(answer="just text"), {"result": "just text"}),
        (
            "approved",
            {"item": "tea"},
            accept(answer="Approved", by="Ada"),
            {"result": "Approved(by='Ada')"},
        ),
        (
            "approved",
            {"item": "tea"},
            accept(answer="Refused", reason="no", by="ignored"),
            {"result": "Refused(reason='no')"},
        ),
    ],
)
async def test_the_clients_user_is_asked(
    mode: str, name: str, arguments: dict[str, Any], answer: Answer, output: Any
) -> None:
    async with client(mode, answer) as made:
        result = await made.call_tool(name, arguments)

    assert not result.is_error
    assert result.structured_content == output


async def test_the_user_sees_a_form_with_plain_fields(mode: str) -> None:
    asked: list[types.ElicitRequestFormParams] = []

    def answer(params: types.ElicitRequestFormParams) -> types.ElicitResult:
        asked.append(params)
        return types.ElicitResult(action="cancel")

    async with client(mode, answer) as made:
        await made.call_tool("approved", {"item": "tea"})
        await made.call_tool("ordered", {})

    assert asked[0].message == 'ask_approval asks: {"item": "tea", "count": 1}'
    assert asked[0].requested_schema == {
        "type": "object",
        "properties": {
            "answer": {"type": "string", "enum": ["Approved", "Refused"]},
            "by": {"type": "string", "description": "for Approved"},
            "reason": {"type": "string", "description": "for Refused"},
        },
        "required": ["answer"],
    }
    assert asked[1].requested_schema["required"] == ["item"]
    assert asked[1].requested_schema["properties"]["count"] == {"type": "integer", "default": 1}


async def test_an_answer_that_does_not_fit_is_asked_for_again(mode: str) -> None:
    asked: list[str] = []

    def answer(params: types.ElicitRequestFormParams) -> types.ElicitResult:
        asked.append(params.message)
        count = 3 if len(asked) == 2 else "three"
        return types.ElicitResult(action="accept", content={"item": "tea", "count": count})

    async with client(mode, answer) as made:
        result = await made.call_tool("ordered", {})

    assert result.structured_content == {"item": "tea", "count": 3}
    assert asked[0] == "ask_order asks: What?"
    assert "does not fit" in asked[1]


@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_user_who_does_not_answer_leaves_the_run_suspended(mode: str, action: Any) -> None:
    async with client(mode, lambda params: types.ElicitResult(action=action)) as made:
        result = await made.call_tool("named", {})

    assert not result.is_error
    assert result.structured_content["suspended"]["questions"][0]["payload"] == "Who are you?"
    assert f"({action})" in text_in(result)


async def test_without_elicitation_the_result_says_how_to_answer(mode: str) -> None:
    async with client(mode) as made:
        result = await made.call_tool("named", {})
        waiting = result.structured_content["suspended"]
        again = await made.call_tool("resume", {"run_id": waiting["run_id"]})
        wrong = await made.call_tool("resume", {"run_id": waiting["run_id"], "answer": 5})
        right = await made.call_tool("resume", {"run_id": waiting["run_id"], "answer": "Ada"})
        read = await made.call_tool("resume", {"run_id": waiting["run_id"]})
        late = await made.call_tool("resume", {"run_id": waiting["run_id"], "answer": "Bob"})

    assert not result.is_error
    assert waiting["questions"][0]["schema"] == {"type": "string"}
    assert f"""call the tool 'resume' with {{"run_id": "{waiting["run_id"]}\"""" in text_in(result)
    assert again.structured_content == result.structured_content
    assert wrong.is_error
    assert "InvalidValueError" in text_in(wrong)
    assert right.structured_content == read.structured_content == {"result": "hello Ada"}
    assert late.is_error


async def test_questions_of_servers_behind_reach_the_user(mode: str, tmp_path: Path) -> None:
    """A workflow that is served calls a tool of another server, which asks."""
    from .helping import demo

    async with (
        demo("memory", tmp_path) as behind,
        open_mcp(behind.target) as tools,
        service(tools=tools, workflows=[CALL, TOOL_CALL]) as made,
    ):
        async with client(mode, accept(name="Ada"), of=made) as connected:
            greeted = await connected.call_tool("greet", {"greeting": "hi"})
        async with client(
            mode, lambda params: types.ElicitResult(action="decline"), of=made
        ) as connected:
            declined = await connected.call_tool("greet", {"greeting": "hi"})

    assert greeted.structured_content == {"result": {"result": "hi Ada"}}
    assert declined.structured_content == {"result": {"result": "hi nobody: decline"}}


async def test_approvals_of_agents_become_forms(mode: str) -> None:
    request = ToolRequest("c1", "double", '{"number": 4}')
    model = ScriptedModel([request, Scripted("It is 8."), request, Scripted("I may not.")])
    agent = Agent("calculator", model=model, tools=[approval(served.double)])
    asked: list[types.ElicitRequestFormParams] = []

    def answer(params: types.ElicitRequestFormParams) -> types.ElicitResult:
        asked.append(params)
        content: dict[str, Any] = (
            {"answer": "Approved"} if len(asked) == 1 else {"answer": "Refused", "reason": "x"}
        )
        return types.ElicitResult(action="accept", content=content)

    options: dict[str, Any] = {"plugins": ["mcp", "agents"], "workflows": [agent, TOOL_CALL]}
    async with service(**options) as made, client(mode, answer, of=made) as connected:
        approved = await connected.call_tool("calculator", {"input": "twice 4?"})
        refused = await connected.call_tool("calculator", {"input": "again?"})

    assert approved.structured_content == {"result": "It is 8."}
    assert refused.structured_content == {"result": "I may not."}
    assert asked[0].requested_schema["properties"]["answer"]["enum"] == ["Approved", "Refused"]
    assert "digest" not in asked[0].requested_schema["properties"]


async def test_a_workflow_without_input_takes_no_arguments(mode: str) -> None:
    nothing = Workflow("nothing", input=None, output=None).then(served.do_nothing)
    async with service(workflows=[nothing, TOOL_CALL]) as made:
        assert made.catalogue["nothing"].described.input_schema["properties"] == {}
        async with client(mode, of=made) as connected:
            result = await connected.call_tool("nothing", {})

    assert result.structured_content == {"result": None}


async def test_a_type_that_contains_itself_is_an_object(mode: str) -> None:
    tree = Workflow("tree", input=served.Tree, output=served.Tree).then(served.graft)
    async with service(workflows=[tree, TOOL_CALL]) as made, client(mode, of=made) as connected:
        await connected.list_tools()
        result = await connected.call_tool("tree", {"name": "a", "below": [{"name": "b"}]})

    assert result.structured_content == {
        "name": "root",
        "below": [{"name": "a", "below": [{"name": "b", "below": []}]}],
    }


async def test_a_run_of_something_that_is_not_served_cannot_be_resumed(mode: str) -> None:
    async with service(("loud",)) as made, client(mode, of=made) as connected:
        run = made.engine.submit("named")
        await run.wait()
        result = await connected.call_tool("resume", {"run_id": run.run_id, "answer": "Ada"})

    assert result.is_error
    assert "not served here" in text_in(result)


async def test_durable_runs_are_resumed_by_another_server(mode: str) -> None:
    store = MemoryStore()
    async with service(store=store) as made, client(mode, of=made) as connected:
        result = await connected.call_tool("named", {})
    run_id = result.structured_content["suspended"]["run_id"]
    async with service(store=store) as made, client(mode, of=made) as connected:
        right = await connected.call_tool("resume", {"run_id": run_id, "answer": "Ada"})

    assert right.structured_content == {"result": "hello Ada"}


async def test_what_cannot_be_sent_is_replaced(mode: str) -> None:
    async with client(mode) as made:
        result = await made.call_tool("odd", {})
        failed = await made.call_tool("failing", {"input": "\ud800"}) if mode == "auto" else None

    assert result.structured_content["half"] == "?"
    assert result.structured_content["infinite"] == "inf"
    assert failed is None or text_in(failed) == "RuntimeError: ?"


# ---------------------------------------------------------------- what is served
async def test_only_what_is_named_is_served() -> None:
    async with service(("loud", "double")) as made:
        assert list(made.catalogue) == ["loud", "double"]


async def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(UnknownNameError, match="unknown workflow or tool 'lout'; did you mean"):
        async with service(("lout",)):
            pass


async def test_names_are_such_that_clients_accept_them_and_differ() -> None:
    @tool(id="a_b")
    async def third(text: str) -> str:
        return text

    workflows = [served.loud, served.loud.clone("a b"), served.loud.clone("a(b"), TOOL_CALL]
    workflows.append(Workflow("resume", input=str, output=str).then(served.shout))
    async with service(tools=[third], workflows=workflows) as made:
        assert list(made.catalogue) == ["loud", "a_b", "a_b_2", "resume_2", "a_b_3"]


async def test_our_own_client_reaches_our_own_server() -> None:
    async with service() as made, engine_with(made.server, prefix="far.") as engine:
        assert await output_of(engine, "far.loud", input="tea") == {"result": "TEA"}
        result = await engine.submit("call", {"tool": "far.named", "args": {}}).wait()
        assert result.status == "suspended"
        run = engine.get_run(result.run_id)
        answer = {"action": "accept", "content": {"answer": "Ada"}}
        assert (await run.resume(answer)).unwrap() == {"result": "hello Ada"}
        failed = await engine.submit("call", {"tool": "far.failing", "args": {"input": "x"}}).wait()
        assert isinstance(failed.error, McpToolError)

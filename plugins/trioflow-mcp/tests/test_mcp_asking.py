"""A server that asks suspends the run; the answer goes to the same question, also later."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import pytest
import trio
import trio.testing
from mcp.server.mcpserver import Elicit, MCPServer, Resolve
from trioflow_mcp import Elicitation, ElicitationAnswer

from trioflow import Engine, StepContext, Workflow, step
from trioflow import events as ev
from trioflow.errors import InvalidValueError
from trioflow.stores import MemoryStore

from .demo_server import Person
from .forking import Forks
from .helping import Demo, call, demo, engine_with

ADA = {"action": "accept", "content": {"name": "Ada"}}


@pytest.fixture(params=["memory", "http"])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Demo]:
    async with demo(request.param, tmp_path) as made:
        yield made


async def greeted(engine: Engine, answer: Any, tool: str = "greet", **args: Any) -> Any:
    result = await call(engine, tool, **args)
    assert result.status == "suspended", result.error
    run = engine.get_run(result.run_id)
    return (await run.resume(answer)).unwrap()["result"]


async def test_a_question_suspends_the_run_with_message_and_schema(server: Demo) -> None:
    async with engine_with(server.target, prefix="d.") as engine:
        result = await call(engine, "d.greet", greeting="hi")

    question = result.suspend_payload["call_it"]
    assert isinstance(question, Elicitation)
    assert (question.tool, question.message, question.url) == ("d.greet", "hi who?", None)
    assert question.schema is not None
    assert question.schema["required"] == ["name"]
    (label,) = result.resume_labels
    assert label.startswith("d.greet:")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (ADA, "hi Ada"),
        (ElicitationAnswer("accept", {"name": "Bob", "age": 3}), "hi Bob"),
        ({"action": "decline"}, "hi nobody: decline"),
        (ElicitationAnswer("cancel"), "hi nobody: cancel"),
    ],
)
async def test_the_tool_is_called_again_and_gets_the_answer(
    server: Demo, answer: Any, said: str
) -> None:
    async with engine_with(server.target) as engine:
        assert await greeted(engine, answer, greeting="hi") == said
    assert server.noted == ["greet hi", "greet hi"]


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        ({"action": "accept", "content": {"name": 5}}, "content.name"),
        ({"action": "accept", "content": {}}, "content"),
        ({"action": "accept"}, "content"),
        ({"action": "yes"}, "action"),
        ({"action": "decline", "reason": "x"}, "reason"),
        ("Ada", ""),
        (ElicitationAnswer("accept", {"name": 5}), "content.name"),
        (ElicitationAnswer("maybe"), "action"),  # type: ignore[arg-type]
    ],
)
async def test_an_answer_that_does_not_fit_is_refused(
    tmp_path: Path, answer: Any, path: str
) -> None:
    async with demo("memory", tmp_path) as made, engine_with(made.target) as engine:
        run = engine.get_run((await call(engine, "greet", greeting="hi")).run_id)
        with pytest.raises(InvalidValueError) as caught:
            await run.resume(answer)
        assert [fault.path for fault in caught.value.faults] == [path]

        assert (await run.resume(ADA)).unwrap() == {"result": "hi Ada"}


async def test_without_the_plugin_the_tool_refuses_the_answer(tmp_path: Path) -> None:
    async with (
        demo("memory", tmp_path) as made,
        engine_with(made.target, engine={"plugins": []}) as engine,
    ):
        run = engine.get_run((await call(engine, "greet", greeting="hi")).run_id)
        result = await run.resume({"action": "accept", "content": {"name": 5}})

    assert isinstance(result.error, InvalidValueError)


async def test_the_schema_of_answers_is_recorded_for_forms(tmp_path: Path) -> None:
    async with demo("memory", tmp_path) as made, engine_with(made.target) as engine:
        run = engine.create_run("call")
        async with run.stream({"tool": "greet", "args": {"greeting": "hi"}}) as stream:
            events = [event async for event in stream]

    (suspended,) = [event for event in events if isinstance(event, ev.StepSuspended)]
    assert suspended.asks is not None
    (question,) = suspended.asks.values()
    accept, decline = question["schema"]["anyOf"]
    assert accept["properties"]["content"]["properties"]["name"]["type"] == "string"
    assert decline["properties"]["action"] == {"enum": ["decline", "cancel"]}


async def test_equal_questions_of_one_call_are_told_apart(server: Demo) -> None:
    async with engine_with(server.target) as engine:
        run = engine.get_run((await call(engine, "greet_two")).run_id)
        assert (await run.resume(ADA)).status == "suspended"
        bob = {"action": "accept", "content": {"name": "Bob"}}

        assert (await run.resume(bob)).unwrap() == {"result": "Ada and Bob"}


async def test_a_question_may_be_a_page_to_visit(server: Demo) -> None:
    async with engine_with(server.target) as engine:
        result = await call(engine, "login")
        question = result.suspend_payload["call_it"]
        run = engine.get_run(result.run_id)

        assert question == Elicitation("login", "Log in", url="http://127.0.0.1/login")
        with pytest.raises(InvalidValueError):
            await run.resume(ADA)
        assert (await run.resume({"action": "accept"})).unwrap() == {"result": "accept"}


async def test_canceling_while_the_tool_waits_for_an_answer_ends_the_run(server: Demo) -> None:
    async with engine_with(server.target) as engine:
        run = engine.get_run((await call(engine, "greet", greeting="hi")).run_id)
        run.cancel()

        assert (await run.wait()).status == "canceled"


@step
async def greet_both(_: object, ctx: StepContext) -> list[str]:
    """Call a tool that asks twice at the same time."""
    said: dict[str, str] = {}

    async def greet(greeting: str) -> None:
        said[greeting] = (await ctx.call_tool("greet", greeting=greeting))["result"]

    async with trio.open_nursery() as nursery:
        nursery.start_soon(greet, "hi")
        nursery.start_soon(greet, "bye")
    return [said["hi"], said["bye"]]


async def test_questions_of_calls_at_the_same_time_reach_their_calls(server: Demo) -> None:
    workflow = Workflow("both", input=object, output=list[str]).then(greet_both)
    async with engine_with(server.target) as engine:
        run = engine.submit(workflow)
        result = await run.wait()
        for _ in range(2):
            label, *_ = result.resume_labels
            asked = result.suspend_payload["greet_both"]
            question = asked if isinstance(asked, Elicitation) else asked[label]
            name = question.message.replace("who?", "you")
            content = {"name": name}
            result = await run.resume({"action": "accept", "content": content}, label=label)

    assert result.unwrap() == ["hi hi you", "bye bye you"]


async def test_a_question_waits_for_other_calls_if_it_is_not_clear_whose_it_is(
    tmp_path: Path,
) -> None:
    async with demo("memory", tmp_path) as made, engine_with(made.target) as engine:
        hanging = engine.submit("call", {"tool": "hang", "args": {}})
        await made.wait_noted("hang")
        asking = engine.submit("call", {"tool": "greet", "args": {"greeting": "hi"}})
        await made.wait_noted("greet hi")
        hanging.cancel()

        assert (await asking.wait()).status == "suspended"


async def test_a_question_of_a_call_that_is_gone_is_not_given_to_another(tmp_path: Path) -> None:
    async with demo("memory", tmp_path) as made, engine_with(made.target) as engine:
        hanging = engine.submit("call", {"tool": "hang", "args": {}})
        await made.wait_noted("hang")
        asking = engine.submit("call", {"tool": "greet", "args": {"greeting": "hi"}})
        await made.wait_noted("greet hi")
        asking.cancel()
        await asking.wait()
        await trio.testing.wait_all_tasks_blocked()

        assert hanging.status == "running"
        hanging.cancel()


async def who() -> Elicit[Person]:
    return Elicit("Who?", Person)


async def greet_resolved(greeting: str, person: Annotated[Person, Resolve(who)]) -> str:
    return f"{greeting} {person.name}"


def make_resolving() -> MCPServer:
    """Return a server whose tool asks in the way of the newer protocol."""
    server = MCPServer("resolving", log_level="CRITICAL")
    server.tool(name="greet")(greet_resolved)
    return server


async def test_a_tool_may_ask_by_its_parameters() -> None:
    async with engine_with(make_resolving()) as engine:
        assert await greeted(engine, ADA, greeting="hi") == "hi Ada"


async def test_after_a_restart_the_recorded_answer_is_given(tmp_path: Path) -> None:
    """The answer was recorded, but the process died before the tool had it."""
    store = MemoryStore()
    async with (
        demo("memory", tmp_path) as made,
        engine_with(made.target, engine={"store": store}) as engine,
    ):
        result = await call(engine, "greet", greeting="hi")
    async with engine_with(made.target, engine={"store": store}) as engine:
        run = await engine.load_run(result.run_id)

        assert (await run.resume(ADA)).unwrap() == {"result": "hi Ada"}


@pytest.mark.slow
def test_another_process_answers(tmp_path: Path, forks: Forks) -> None:
    store, log = f"sqlite:{tmp_path / 'runs.db'}", str(tmp_path / "log")
    program = str(Path(__file__).with_name("restarted.py"))

    def run(*arguments: str) -> str:
        process = forks.start([program, store, log, *arguments], tmp_path)
        out, err = process.communicate()
        assert process.returncode == 0, err
        return out

    assert run() == "suspended None\n"
    assert run(json.dumps(ADA)) == "success {'result': 'hello Ada'}\n"
    assert Path(log).read_text().splitlines() == ["greet hello", "greet hello"]

"""The loop of an agent: turns of the model and calls of tools, until there is an answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock
from trioflow_agents import (
    Agent,
    AgentStoppedError,
    ArgumentsDelta,
    Assistant,
    File,
    Image,
    ModelError,
    ModelRequest,
    Outgoing,
    Scripted,
    ScriptedModel,
    Stop,
    System,
    Text,
    ToolAnswer,
    ToolRequest,
    Tripwire,
    Usage,
    User,
    agent_results,
    fold_text,
    history,
    usage_of,
)
from trioflow_agents.agent import MODEL_RETRY

from trioflow import NonRetryableError, StepContext, Workflow, open_engine, step, tool
from trioflow import events as ev
from trioflow.errors import DefinitionError, InvalidValueError

from .helping import add, asks, run_agent, weather


async def test_it_calls_tools_until_it_has_an_answer() -> None:
    model = ScriptedModel(
        [
            Scripted(["let me ", "look"], [asks("c1", "weather", city="Oslo")]),
            Scripted(["It ", "rains."]),
        ]
    )
    agent = Agent("ag", model=model, tools=[weather], instructions="Be brief.")

    result, run, events = await run_agent(agent, "How is Oslo?")

    assert (result.output, result.state) == ("It rains.", {})
    assert history(run) == (
        System("Be brief."),
        User("How is Oslo?"),
        Assistant("let me look", [asks("c1", "weather", city="Oslo")]),
        ToolAnswer("c1", "weather", "rain in Oslo"),
        Assistant("It rains."),
    )
    assert model.requests[1].messages == history(run)[:-1]
    assert fold_text(events) == "let me lookIt rains."
    assert usage_of(run) == Usage(6, 20, requests=2)
    ended = agent_results(run)["ag"]
    assert (ended.output, ended.turns, ended.finish_reason) == ("It rains.", 2, "stop")
    assert ended.usage == usage_of(run)


async def test_its_events_are_those_of_a_streaming_tool_with_its_id() -> None:
    reply = Scripted("Hi", [asks("c1", "weather", city="Oslo")], piece=3)
    agent = Agent("ag", model=ScriptedModel([reply, "done"]), tools=[weather])

    events = (await run_agent(agent))[2]

    first = [
        event
        for event in events
        if isinstance(event, ev.ToolEvent) and event.name == "ag" and event.address == "2#1/0"
    ]
    assert [event.type for event in first[:2]] == ["tool-call", "tool-call-streaming-start"]
    assert first[-1].type == "tool-result"
    deltas = [event.delta for event in first if isinstance(event, ev.ToolCallDelta)]
    assert deltas[0] == "Hi"
    arguments = [delta for delta in deltas if isinstance(delta, ArgumentsDelta)]
    assert {(delta.call_id, delta.name) for delta in arguments} == {("c1", "weather")}
    assert "".join(delta.delta for delta in arguments) == '{"city": "Oslo"}'
    assert isinstance(deltas[-2], Usage)


@given(st.integers(1, 40), st.text(max_size=20))
@settings(deadline=None, max_examples=25)
def test_arguments_may_be_split_anywhere(piece: int, city: str) -> None:
    reply = Scripted(calls=[asks("c1", "weather", city=city)], piece=piece)
    agent = Agent("ag", model=ScriptedModel([reply, "done"]), tools=[weather])

    async def main() -> Any:
        return (await run_agent(agent))[1]

    assert history(trio.run(main))[2] == ToolAnswer("c1", "weather", f"rain in {city}")


async def test_calls_of_one_turn_overlap(autojump_clock: MockClock) -> None:
    @tool
    async def slow(number: int) -> int:
        await trio.sleep(10)
        return number

    calls = [asks(f"c{n}", "slow", number=n) for n in range(6)]
    model = ScriptedModel([Scripted(calls=calls), "done"])
    run = (await run_agent(Agent("ag", model=model, tools=[slow], parallel_tools=3)))[1]

    assert trio.current_time() == 20
    answers = [m.content for m in history(run) if isinstance(m, ToolAnswer)]
    assert answers == ["0", "1", "2", "3", "4", "5"]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (ToolRequest("c", "nothing", "{}"), "there is no tool 'nothing'; known tools: add"),
        (ToolRequest("c", "add", "{"), "the arguments are not a JSON object"),
        (ToolRequest("c", "add", "[]"), "the arguments are not a JSON object: they are list"),
        (ToolRequest("c", "add", "[" * 100_000), "the arguments are not a JSON object"),
        (ToolRequest("c", "add", ""), "a: argument is missing"),
        (asks("c", "add", a="x"), "arguments"),
        (asks("c", "add", a=1, c=2), "c: unknown argument"),
    ],
)
@pytest.mark.parametrize("tool_errors", ["report", "raise"])
async def test_a_call_that_cannot_be_made_is_reported(
    call: ToolRequest, told: str, tool_errors: Any
) -> None:
    model = ScriptedModel([call, "sorry"])
    agent = Agent("ag", model=model, tools=[add], tool_errors=tool_errors)

    result, run, _ = await run_agent(agent)

    answer = history(run)[2]
    assert isinstance(answer, ToolAnswer)
    assert answer.is_error
    assert told in answer.content or "argument" in answer.content
    assert result.output == "sorry"


class TeapotError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "tool_errors", "is_reported"),
    [
        (TeapotError("short"), "report", True),
        (TeapotError("short"), "raise", False),
        (NonRetryableError("closed"), "report", False),
        (Tripwire("secret"), "report", False),
    ],
)
async def test_errors_of_tools(error: Exception, tool_errors: Any, is_reported: bool) -> None:
    @tool
    async def fails() -> None:
        raise error

    model = ScriptedModel([asks("c", "fails"), "sorry"])
    result, run, _ = await run_agent(
        Agent("ag", model=model, tools=[fails], tool_errors=tool_errors)
    )

    if is_reported:
        assert history(run)[2] == ToolAnswer("c", "fails", "TeapotError: short", is_error=True)
        assert result.output == "sorry"
    else:
        assert result.error is error


async def test_results_are_json_and_cut_if_they_are_long() -> None:
    @tool
    async def long() -> list[str]:
        return ["ä" * 100]

    model = ScriptedModel([asks("c", "long"), "done"])
    run = (await run_agent(Agent("ag", model=model, tools=[long], max_result=10)))[1]

    assert history(run)[2] == ToolAnswer("c", "long", '["' + "ä" * 8 + "\n[94 more characters]")


async def test_names_of_tools_are_names_for_models() -> None:
    renamed = weather.clone("files.read")
    model = ScriptedModel([asks("c", "files_read", city="Oslo"), "done"])
    run = (await run_agent(Agent("ag", model=model, tools=[renamed])))[1]

    [description] = model.requests[0].tools
    assert (description.name, description.description) == (
        "files_read",
        "Return the weather of a city.",
    )
    assert description.schema["properties"] == {"city": {"type": "string"}}
    assert history(run)[2] == ToolAnswer("c", "files_read", "rain in Oslo")


# ---------------------------------------------------------------- what the model is told first
async def test_functions_give_instructions_prompt_and_history() -> None:
    async def earlier(value: Any, ctx: Any) -> Any:
        return [User("before"), Assistant("yes")]

    agent = Agent(
        "ag",
        model=(model := ScriptedModel(["done"])),
        input=dict,
        instructions=lambda value, ctx: f"for {value['name']}",
        history=earlier,
        prompt=lambda value, ctx: value["say"],
    )
    await run_agent(agent, {"name": "Ada", "say": "hi"})

    assert model.requests[0].messages == (
        System("for Ada"),
        User("before"),
        Assistant("yes"),
        User("hi"),
    )


PICTURE = User([Text("what is it?"), Image(data=b"png"), File("a.pdf", b"pdf")])


@pytest.mark.parametrize(
    ("type_", "value", "message"),
    [
        (str, "hi", User("hi")),
        (dict, {"a": 1}, User('{"a": 1}')),
        (User, PICTURE, PICTURE),
    ],
)
async def test_the_input_is_what_the_user_says(type_: Any, value: Any, message: User) -> None:
    model = ScriptedModel(["done"])
    run = (await run_agent(Agent("ag", model=model, input=type_), value, store="memory:"))[1]

    assert history(run) == (message, Assistant("done"))


def test_an_image_has_an_address_or_bytes() -> None:
    with pytest.raises(ValueError, match="either a url or data"):
        Image()


# ---------------------------------------------------------------- bounds
def keeps_asking(request: ModelRequest) -> Any:
    return Scripted("looking", [asks("c", "weather", city="Oslo")])


@pytest.mark.parametrize(
    ("stop", "bound", "turns"),
    [(Stop(turns=3), "3 turns", 3), (Stop(tokens=20), "26 of 20 tokens", 2)],
)
async def test_an_agent_without_an_end_is_stopped(stop: Stop, bound: str, turns: int) -> None:
    model = ScriptedModel(keeps_asking)
    result, run, _ = await run_agent(Agent("ag", model=model, tools=[weather], stop=stop))

    assert isinstance(result.error, AgentStoppedError)
    assert (result.error.bound, result.error.text) == (bound, "looking")
    assert bound in str(result.error)
    assert len(model.requests) == turns
    assert len(history(run)) == 1 + 2 * turns


async def test_a_condition_ends_it_with_what_was_said() -> None:
    stop = Stop(when=lambda turn: turn.said.calls[0].name == "weather")
    model = ScriptedModel(keeps_asking)
    result, run, _ = await run_agent(Agent("ag", model=model, tools=[weather], stop=stop))

    assert result.output == "looking"
    assert agent_results(run)["ag"].finish_reason == "stopped"


# ---------------------------------------------------------------- faults of the model
async def test_a_request_that_may_succeed_later_is_repeated(autojump_clock: MockClock) -> None:
    away = ModelError("slow down", 429, retryable=True, retry_after=30.0)
    model = ScriptedModel([Scripted("void ", error=away), "right"])

    result, _, events = await run_agent(Agent("ag", model=model))

    assert result.output == "right"
    [delay] = [event.delay for event in events if isinstance(event, ev.StepRetry)]
    assert 30 <= delay <= 30 * (1 + MODEL_RETRY.jitter)
    assert trio.current_time() >= delay
    assert fold_text(events) == "right"


async def test_no_other_request_is_repeated() -> None:
    wrong = ModelError("no such key", 401, "invalid_api_key", "req-1")
    model = ScriptedModel([wrong, "right"])

    result, _, _ = await run_agent(Agent("ag", model=model))

    assert result.error is wrong
    assert str(wrong) == (
        "the model did not reply: no such key (status 401, code invalid_api_key, request req-1)"
    )


async def test_a_request_that_takes_too_long_is_ended(autojump_clock: MockClock) -> None:
    model = ScriptedModel([Scripted(["a"] * 10, pause=1)])
    result, _, _ = await run_agent(Agent("ag", model=model, timeout=3, retry=None))

    assert isinstance(result.error, TimeoutError)
    assert model.open_streams == 0
    assert trio.current_time() == 3


async def test_a_request_that_takes_too_long_is_made_again(autojump_clock: MockClock) -> None:
    model = ScriptedModel([Scripted(["a"] * 10, pause=1), "in time"])
    result, _, events = await run_agent(Agent("ag", model=model, timeout=3))

    assert result.output == "in time"
    assert fold_text(events) == "in time"
    assert model.open_streams == 0


async def test_the_end_of_the_script_is_an_error() -> None:
    result, _, _ = await run_agent(Agent("ag", model=ScriptedModel([])))

    assert "the script has 0 replies; this is request 1" in str(result.error)


async def test_cancel_closes_the_stream_at_once(autojump_clock: MockClock) -> None:
    model = ScriptedModel([Scripted(["a"] * 100, pause=1)])
    run = Agent("ag", model=model).create_run()
    async with run.stream("go") as stream:
        async for event in stream:
            if isinstance(event, ev.ToolCallDelta):
                run.cancel()
        result = await stream.get_workflow_state()

    assert (result.status, model.open_streams, trio.current_time()) == ("canceled", 0, 1)


@tool
async def leave(with_: str, ctx: StepContext[Any]) -> None:
    """End the conversation."""
    ctx.bail({"left": with_})


@step(input=Outgoing, output=Outgoing)
async def hang_up(outgoing: Outgoing, ctx: StepContext[Any]) -> Outgoing:
    ctx.bail({"left": outgoing.text})


@pytest.mark.parametrize(
    ("reply", "options"),
    [
        (asks("c", "leave", with_="bye"), {"tools": [leave]}),
        ("bye", {"output_guards": [hang_up]}),
    ],
)
async def test_a_tool_or_guard_may_end_the_agent(
    reply: Any, options: dict[str, Any], tmp_path: Path
) -> None:
    agent = Agent("ag", model=ScriptedModel([reply, "more"]), **options)
    after: Any = Workflow("w", input=str).then(agent).map(lambda said: said["left"], id="after")
    url = f"sqlite:{tmp_path / 'runs.db'}"
    async with open_engine(plugins=["agents", "sql"], workflows=[after], store=url) as engine:
        result = await engine.submit("w", "go", run_id="r").wait()
    async with open_engine(plugins=["agents", "sql"], workflows=[after], store=url) as engine:
        stored = (await engine.load_run("r")).record

    assert (result.output, stored.output) == ("bye", "bye")


# ---------------------------------------------------------------- as a part of others
async def test_agents_are_nodes_and_keep_apart() -> None:
    def reply(request: ModelRequest) -> str:
        [message] = request.messages
        assert isinstance(message, User)
        return f"{message.content}!"

    agent = Agent("ag", model=ScriptedModel(reply))
    many = Workflow("w").foreach(agent, concurrency=3)

    result, run, _ = await run_agent(many, ["a", "b", "c"])

    assert result.output == ["a!", "b!", "c!"]
    assert usage_of(run).requests == 3
    said = history(run, "ag")
    assert said in [(User(value), Assistant(f"{value}!")) for value in "abc"]
    assert history(run, "other") == ()


async def test_of_several_conversations_of_an_agent_the_last_one_is_read() -> None:
    agent = Agent("ag", model=ScriptedModel(["one", "two"]))
    other = Agent("other", model=ScriptedModel(["three"]))
    chat: Any = Workflow("w").dountil(agent, lambda said: said == "two").then(other)
    _, run, _ = await run_agent(chat)

    assert history(run) == history(run, "ag") == (User("one"), Assistant("two"))
    assert history(run, "other") == (User("two"), Assistant("three"))


async def test_without_the_plugin_a_model_is_opened_for_each_request() -> None:
    assert await Agent("ag", model=ScriptedModel(["done"])).run("go") == "done"


async def test_a_tool_gets_its_context() -> None:
    @tool
    async def where(ctx: StepContext) -> str:
        return ctx.step_id

    model = ScriptedModel([asks("c", "where"), "done"])
    run = (await run_agent(Agent("ag", model=model, tools=[where])))[1]

    assert history(run)[2] == ToolAnswer("c", "where", "turn.tool")


@step
async def a_step(value: Any) -> Any:
    return value


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"tool_errors": "tell"}, "tool_errors is 'tell'"),
        ({"tools": [a_step]}, "is not a tool"),
        ({"tools": [add.clone("a.b"), add.clone("a_b")]}, "'a.b' and 'a_b' have the same name"),
        ({"parallel_tools": 0}, "concurrency is 0"),
        ({"tools": "files.read"}, "tools is 'files.read'; give it a list"),
        ({"tools": 5}, "tools is 5"),
        ({"input_guards": a_step}, "give it a list: input_guards="),
        ({"output_guards": [a_step.clone("model")]}, "has the id 'model' of a part of the agent"),
        ({"max_result": 0}, "max_result is 0"),
        ({"repairs": -1}, "repairs is -1"),
        ({"stop": None}, "stop is None"),
        ({"output": int, "tools": [add.clone("final_answer")]}, "a tool has the name"),
        ({"model": "gpt"}, "model is 'gpt'; give it a Model"),
    ],
)
def test_wrong_options_are_refused(options: Any, problem: str) -> None:
    with pytest.raises(DefinitionError, match=problem):
        Agent("ag", **{"model": ScriptedModel([]), **options})


@pytest.mark.parametrize("given", [None, 5])
@pytest.mark.parametrize("name", ["prompt", "history"])
async def test_what_is_no_message_is_named(name: str, given: Any) -> None:
    options: Any = {name: lambda value, ctx: given}
    result, _, _ = await run_agent(Agent("ag", model=ScriptedModel([]), **options))

    assert isinstance(result.error, InvalidValueError)
    assert f"what {name}= returned of agent 'ag' is invalid" in str(result.error)


async def test_calls_of_one_turn_with_the_same_id_are_two() -> None:
    both = Scripted(calls=[asks("c", "add", a=1, b=2), asks("c", "add", a=3, b=4)])
    run = (await run_agent(Agent("ag", model=ScriptedModel([both, "done"]), tools=[add])))[1]

    answers = [each for each in history(run) if isinstance(each, ToolAnswer)]
    assert [(each.call_id, each.content) for each in answers] == [("c", "3"), ("c-2", "7")]


async def test_tools_of_the_engine_are_named_by_their_ids() -> None:
    model = ScriptedModel([asks("c", "weather", city="Oslo"), "done"])
    run = (await run_agent(Agent("ag", model=model, tools=["weather"]), tools=[weather]))[1]

    assert model.requests[0].tools[0].description == "Return the weather of a city."
    assert history(run)[2] == ToolAnswer("c", "weather", "rain in Oslo")


async def test_a_tool_that_the_engine_does_not_know_is_named() -> None:
    result, _, _ = await run_agent(Agent("ag", model=ScriptedModel([]), tools=["wether"]))

    assert "unknown tool 'wether'" in str(result.error)

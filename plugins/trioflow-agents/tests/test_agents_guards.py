"""Guardrails: steps that see what goes in and what came out."""

from __future__ import annotations

from attrs import evolve
from trioflow_agents import (
    Agent,
    Assistant,
    Incoming,
    Outgoing,
    ProvisionalText,
    Scripted,
    ScriptedModel,
    ToolAnswer,
    Tripwire,
    User,
    agent_results,
    fold_text,
    history,
)

from trioflow import events as ev
from trioflow import step
from trioflow.wire import from_wire, to_wire

from .helping import asks, run_agent, weather


@step
async def no_names(incoming: Incoming) -> Incoming:
    return Incoming(
        [User(str(m.content).replace("Ada", "X")) if isinstance(m, User) else m
         for m in incoming.messages]
    )  # fmt: skip


@step
async def no_secrets(incoming: Incoming) -> Incoming:
    if any("secret" in str(message) for message in incoming.messages):
        raise Tripwire("there is a secret", processor_id="no_secrets")
    return incoming


@step
async def polite(outgoing: Outgoing) -> Outgoing:
    return evolve(outgoing, text=outgoing.text.replace("no", "sorry"))


@step
async def no_weather(outgoing: Outgoing) -> Outgoing:
    return evolve(outgoing, calls=[call for call in outgoing.calls if call.name != "weather"])


async def test_an_input_guard_changes_what_the_model_sees() -> None:
    model = ScriptedModel(["hello X"])
    agent = Agent("ag", model=model, input_guards=[no_secrets, no_names])

    run = (await run_agent(agent, "I am Ada"))[1]

    assert model.requests[0].messages == (User("I am X"),)
    assert history(run) == (User("I am X"), Assistant("hello X"))


async def test_a_guard_that_trips_fails_the_agent_before_the_model_is_asked() -> None:
    model = ScriptedModel([])
    agent = Agent("ag", model=model, input_guards=[no_secrets])

    result, _, events = await run_agent(agent, "a secret")

    assert (result.status, str(result.error)) == ("failed", "there is a secret")
    assert model.requests == []
    assert to_wire(events[-1], "mastra-1")["payload"]["tripwire"] == {
        "reason": "there is a secret",
        "processorId": "no_secrets",
    }


async def test_an_output_guard_changes_what_came_out() -> None:
    model = ScriptedModel([Scripted(["no", " way"])])
    agent = Agent("ag", model=model, output_guards=[polite])

    result, run, events = await run_agent(agent)

    assert (result.output, history(run)[-1]) == ("sorry way", Assistant("sorry way"))
    deltas = [event.delta for event in events if isinstance(event, ev.ToolCallDelta)]
    assert deltas[:2] == [ProvisionalText("no"), ProvisionalText(" way")]
    assert fold_text(events) == "no way"


async def test_an_output_guard_sees_and_changes_calls() -> None:
    calls = [asks("c1", "weather", city="Oslo"), asks("c2", "add", a=1)]
    model = ScriptedModel([Scripted(calls=calls), "no"])
    agent = Agent("ag", model=model, tools=[weather], output_guards=[no_weather, polite])

    result, run, _ = await run_agent(agent)

    assert [m.call_id for m in history(run) if isinstance(m, ToolAnswer)] == ["c2"]
    assert result.output == "sorry"
    assert agent_results(run)["ag"].turns == 2


async def test_what_a_guard_changed_is_repaired_if_it_does_not_fit() -> None:
    model = ScriptedModel(["no", "3"])
    agent = Agent("ag", model=model, output=int, output_guards=[polite])

    result, run, _ = await run_agent(agent)

    assert result.output == 3
    assert history(run)[1] == Assistant("sorry")


async def test_provisional_text_is_marked_on_the_wire() -> None:
    agent = Agent("ag", model=ScriptedModel(["no"]), output_guards=[polite])
    events = (await run_agent(agent))[2]
    [first, *_] = [event for event in events if isinstance(event, ev.ToolCallDelta)]

    wire = to_wire(first)

    assert wire["argsTextDelta"] == {"text": "no"}
    assert from_wire(wire) == evolve(first, delta={"text": "no"})

"""The program in the cookbook that remembers chats."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
from trioflow_agents import (
    Assistant,
    File,
    ModelRequest,
    Scripted,
    ScriptedModel,
    System,
    ToolAnswer,
    User,
)

from trioflow import Engine, open_engine
from trioflow.stores import MemoryStore

from .model_server import serve_replies

PROGRAM = Path(__file__).parents[3] / "docs" / "cookbook" / "chat_memory.py"


@pytest.fixture(scope="module")
def cookbook() -> Any:
    spec: Any = importlib.util.spec_from_file_location("chat_memory", PROGRAM)
    module = sys.modules["chat_memory"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def model_of(requests: list[ModelRequest]) -> ScriptedModel:
    def reply(request: ModelRequest) -> str:
        requests.append(request)
        is_summary = "Summarize" in str(request.messages[0])
        return "they greeted" if is_summary else f"answer {len(requests)} " + "x" * 100

    return ScriptedModel(reply)


def opened(cookbook: Any, path: Path, model: ScriptedModel, **options: Any) -> Any:
    return open_engine(
        plugins=["agents"],
        workflows=[cookbook.chat_workflow(model, budget=100)],
        resources={"memory": lambda: cookbook.open_memory(str(path))},
        **options,
    )


async def say(cookbook: Any, engine: Engine, text: str, chat: str = "c") -> str:
    result = await engine.create_run("chat").start(cookbook.Say(chat, text))
    output: str = result.unwrap()
    return output


async def test_a_chat_continues_and_is_summarized_beyond_its_budget(
    cookbook: Any, tmp_path: Path
) -> None:
    requests: list[ModelRequest] = []
    async with opened(cookbook, tmp_path / "chats.db", model_of(requests)) as engine:
        for text in ("one", "two", "three"):
            assert (await say(cookbook, engine, text)).startswith("answer")
        other = await say(cookbook, engine, "other", "d")
    memory = cookbook.Memory(str(tmp_path / "chats.db"))
    said = await memory.load("c")

    kinds = ["Summarize" in str(request.messages[0]) for request in requests]
    assert kinds == [False, False, False, True, False]
    assert said[0] == System("Earlier in this conversation: they greeted")
    assert len(said) == 3
    assert cookbook.tokens(said) < 100
    second = requests[1].messages
    assert second[1] == User("one")
    assert isinstance(second[2], Assistant)
    assert second[-1] == User("two")
    assert requests[-1].messages[1:] == (User("other"),)
    assert other.startswith("answer")


async def test_what_was_said_is_saved_once(cookbook: Any, tmp_path: Path) -> None:
    memory = cookbook.Memory(str(tmp_path / "chats.db"))
    await memory.save("c", "turn 1", [User("a")])
    await memory.save("c", "turn 1", [User("a"), User("a")])
    assert await memory.load("c") == [User("a")]
    await memory.save("c", "turn 2", [System("s"), Assistant("b")])
    assert await memory.load("c") == [System("s"), Assistant("b")]
    assert await memory.load("d") == []


async def test_a_summary_that_is_recorded_is_not_made_again(cookbook: Any, tmp_path: Path) -> None:
    requests: list[ModelRequest] = []
    store, path, model = MemoryStore(), tmp_path / "chats.db", model_of(requests)
    async with opened(cookbook, path, model, store=store) as engine:
        for number in range(3):
            run = engine.submit("chat", cookbook.Say("c", "hello"), run_id=f"r{number}")
            await run.wait()
        count = len(requests)
        forked = await run.fork("answered")
        assert (await forked.start()).status == "success"
    assert len(requests) == count


@pytest.mark.parametrize("message", [User([File("a", b"")]), ToolAnswer("c", "t", "x")])
async def test_other_messages_are_refused(cookbook: Any, tmp_path: Path, message: Any) -> None:
    with pytest.raises(TypeError, match="a chat has no"):
        await cookbook.Memory(str(tmp_path / "chats.db")).save("c", "t", [message])


async def test_the_program_talks(
    cookbook: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    async with serve_replies(Scripted(["hel", "lo"])) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "key")
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        await cookbook.main(["one", "two"], str(tmp_path / "chats.db"))
        contents = [[m["content"] for m in each["messages"]][1:] for each in server.requests]

    assert capsys.readouterr().out == "hello\nhello\n"
    assert contents == [["one"], ["one", "hello", "two"]]

"""A chat that remembers: a memory with a token budget, and a step that summarizes.

An agent knows only what ``history=`` returns. Here, a resource keeps what was said, per chat, in
SQLite. When a chat exceeds its budget, a step has a model summarize the older messages, so that the
next request is short again. Each part is a step or a resource, so all of it is durable: what was
summarized before a crash is not summarized again.

Run it with a compatible server::

    OPENAI_API_KEY=... python docs/cookbook/chat_memory.py "My name is Ada." "What is my name?"
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from typing import Any

import trio
from attrs import frozen
from trioflow_agents import Agent, Assistant, Message, Model, OpenAIModel, System, User

from trioflow import StepContext, Workflow, open_engine, step

BUDGET = 300
"""Tokens that a chat may have before it is summarized."""
KEPT = 2
"""How many of the last messages are never summarized."""


@frozen
class Say:
    """What a user says in a chat."""

    chat: str
    text: str


# ---------------------------------------------------------------- the resource
@frozen(eq=False)
class Memory:
    """What was said in chats, in a SQLite database."""

    path: str

    async def load(self, chat: str) -> list[Message]:
        """Return the messages of a chat."""
        return await trio.to_thread.run_sync(self._load, chat)

    async def save(self, chat: str, turn: str, messages: Sequence[Message]) -> None:
        """Replace the messages of a chat, unless this was done in the same turn before.

        Args:
          turn: The step call that saves. It may run again after a crash.
        """
        await trio.to_thread.run_sync(self._save, chat, turn, messages)

    def _load(self, chat: str) -> list[Message]:
        with closing(self._open()) as database:
            found = database.execute("SELECT said FROM chats WHERE chat = ?", (chat,)).fetchone()
        return [] if found is None else [_read(each) for each in json.loads(found[0])]

    def _save(self, chat: str, turn: str, messages: Sequence[Message]) -> None:
        said = json.dumps([_written(message) for message in messages])
        with closing(self._open()) as database, database:
            database.execute(
                "INSERT INTO chats VALUES (:chat, :turn, :said) ON CONFLICT (chat) DO UPDATE "
                "SET turn = :turn, said = :said WHERE turn != :turn",
                {"chat": chat, "turn": turn, "said": said},
            )

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.path)
        database.execute("CREATE TABLE IF NOT EXISTS chats (chat TEXT PRIMARY KEY, turn, said)")
        return database


@asynccontextmanager
async def open_memory(path: str = "chats.db") -> AsyncIterator[Memory]:
    """Open the memory; a resource of the engine."""
    yield Memory(path)


def _written(message: Message) -> list[str]:
    match message:
        case User(content=str(text)):
            return ["user", text]
        case Assistant(text=text):
            return ["assistant", text]
        case System(text=text):
            return ["system", text]
    raise TypeError(f"a chat has no {type(message).__name__}")


def _read(written: Sequence[str]) -> Message:
    kinds: dict[str, Any] = {"user": User, "assistant": Assistant, "system": System}
    message: Message = kinds[written[0]](written[1])
    return message


def tokens(messages: Sequence[Message]) -> int:
    """Estimate the tokens of messages: about four characters each."""
    return sum(len(_written(message)[1]) // 4 + 4 for message in messages)


# ---------------------------------------------------------------- the workflow
@frozen
class Older:
    """What is to be summarized of a chat; no text if the chat is within its budget."""

    chat: str
    text: str


async def remember(say: Say, ctx: Any) -> list[Message]:
    """Return what the model is told of a chat; the agent records it."""
    memory: Memory = await ctx.resource("memory", Memory)
    return await memory.load(say.chat)


@step
async def save(text: str, ctx: StepContext[Any]) -> Say:
    """Add what was said to the chat."""
    say: Say = ctx.init_data
    memory = await ctx.resource("memory", Memory)
    said = [*await memory.load(say.chat), User(say.text), Assistant(text)]
    await memory.save(say.chat, ctx.step_call_id, said)
    return say


@step
async def replace(summary: str, ctx: StepContext[Any]) -> None:
    """Put a summary in the place of the older messages."""
    older: Older = ctx.init_data
    memory = await ctx.resource("memory", Memory)
    last = (await memory.load(older.chat))[-KEPT:]
    told = System(f"Earlier in this conversation: {summary}")
    await memory.save(older.chat, ctx.step_call_id, [told, *last])


def chat_workflow(model: Model, budget: int = BUDGET) -> Workflow[Say, str]:
    """Return the workflow of one turn of a chat: answer, save, and summarize if it is too long."""

    @step
    async def choose(say: Say, ctx: StepContext[Any]) -> Older:
        memory = await ctx.resource("memory", Memory)
        said = await memory.load(say.chat)
        older = said[:-KEPT] if tokens(said) > budget else []
        return Older(say.chat, "\n".join(": ".join(_written(message)) for message in older))

    answer = Agent(
        "answer",
        model=model,
        input=Say,
        instructions="You are helpful, and brief.",
        history=remember,
        prompt=lambda say, ctx: say.text,
    )
    summarize = Agent(
        "summarize",
        model=model,
        input=Older,
        instructions="Summarize the conversation. Keep names, numbers and decisions.",
        prompt=lambda older, ctx: older.text,
    )
    shorten = Workflow("shorten", input=Older).then(summarize).then(replace)
    turn = Workflow("chat", input=Say, output=str).then(answer).then(save).then(choose)
    return turn.branch((lambda older: bool(older.text), shorten)).map(
        lambda data, ctx: ctx.step_result("answer"), id="answered"
    )


async def main(texts: Sequence[str], path: str = "chats.db") -> None:
    """Say several things in one chat, and print the answers."""
    model = OpenAIModel(os.environ.get("OPENAI_MODEL", "gpt-4.1-mini"))
    workflow = chat_workflow(model)
    async with open_engine(
        plugins=["agents"],
        workflows=[workflow],
        resources={"memory": lambda: open_memory(path)},
    ) as engine:
        for text in texts:
            print(await engine.run(workflow, Say("chat-1", text)))


if __name__ == "__main__":
    trio.run(main, sys.argv[1:])

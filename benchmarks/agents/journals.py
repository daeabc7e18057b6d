"""How journals grow with conversations."""

from __future__ import annotations

from collections.abc import Sequence

import trioflow_agents as ta

from benchmarks.agents.serving import agent_of, reply_to
from trioflow import open_engine
from trioflow.abc import Append
from trioflow.errors import JournalConflictError
from trioflow.stores import MemoryStore

SIZES = (5, 10, 20, 40)
"""Numbers of turns."""


class Counting(MemoryStore):
    """A store that counts the bytes of its entries."""

    size = 0

    async def append(self, appends: Sequence[Append]) -> Sequence[JournalConflictError | None]:
        self.size += sum(len(entry.text.encode()) for a in appends for entry in a.entries)
        return await super().append(appends)


async def journal_bytes(turns: int) -> tuple[int, int]:
    """Return the characters of a conversation, and the bytes of its journal."""

    def reply(request: ta.ModelRequest) -> ta.Scripted:
        return reply_to(sum(isinstance(m, ta.Assistant) for m in request.messages), turns)

    agent, store = agent_of(ta.ScriptedModel(reply), turns), Counting()
    async with open_engine(plugins=["agents"], workflows=[agent], store=store) as engine:
        run = engine.submit("ag", "go")
        await run.wait()
    return sum(len(str(message)) for message in ta.history(run)), store.size

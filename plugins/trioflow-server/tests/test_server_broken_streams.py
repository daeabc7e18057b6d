"""A stream that cannot go on is broken for its client, and not just shorter."""

from __future__ import annotations

from collections.abc import Sequence

import httpx
import pytest

from trioflow.abc import Entry
from trioflow.errors import StoreError
from trioflow.stores import MemoryStore

from .serving import open_bench

RUN = "/api/workflows/chatty/runs/r"


class Breaking(MemoryStore):
    """A store that has lost what comes late in a journal."""

    is_broken = False

    async def read(self, run_id: str, after: int = -1, limit: int = 1000) -> Sequence[Entry]:
        if self.is_broken and after >= 0:
            raise StoreError("disk", "is damaged")
        return await super().read(run_id, after, limit)


@pytest.mark.parametrize("path", [f"{RUN}/events", "/api/workflows/chatty/observe?runId=r"])
async def test_it_has_no_regular_end(path: str, caplog: pytest.LogCaptureFixture) -> None:
    store = Breaking()
    async with open_bench(store=store) as bench:
        await bench.start("chatty", 2000, "r")
    async with open_bench(store=store) as bench:
        method = "POST" if "observe" in path else "GET"
        async with bench.client.stream(method, path) as answer:
            whole = [piece async for piece in answer.aiter_bytes()]
        store.is_broken = True
        received: list[bytes] = []
        with pytest.raises(httpx.RemoteProtocolError):
            async with bench.client.stream(method, path) as answer:
                async for piece in answer.aiter_bytes():
                    received.append(piece)

    assert answer.status_code == 200
    assert b"".join(whole).startswith(b"".join(received))
    assert caplog.messages == ["a stream was cut short"]

"""Many viewers of one run: what they see is rendered once, and each gets a form of its own."""

from __future__ import annotations

import re

import attrs
import pytest
import trio
from trio.testing import MockClock
from trioflow_server import Limits
from trioflow_server.pages import run_page, shared_parts
from trioflow_server.pages.shared_parts import SECONDS, SharedParts

from .serving import OPEN, open_bench
from .sockets import open_raw

VIEWERS = 1_000
LIVE = "/runs/r?view=live"


def token_in(text: str) -> str:
    found = re.search(r'name=\\?"form_token\\?" value=\\?"(\w+)|value=\\?"([0-9a-f]{64})', text)
    assert found is not None
    return found[1] or found[2]


async def test_a_part_is_rendered_once_for_all_tokens(autojump_clock: MockClock) -> None:
    parts, rendered = SharedParts(), []

    def render() -> bytes:
        rendered.append(1)
        return b"<%s>%d" % (parts.placeholder.encode(), len(rendered))

    found = [parts.get("a", token, render) for token in ("x", "y")]
    other = parts.get("b", "x", render)
    await trio.sleep(SECONDS)
    later = parts.get("a", "x", render)

    assert found == [b"<x>1", b"<y>1"]
    assert (other, later) == (b"<x>2", b"<x>3")


async def test_only_the_last_parts_are_remembered() -> None:
    parts = SharedParts()
    for number in range(2 * shared_parts.MOST):
        parts.get(number, "", lambda: b"old")

    assert parts.get(0, "", lambda: b"new") == b"new"


async def test_each_browser_has_forms_of_its_own() -> None:
    async with open_bench() as bench:
        await bench.start("approve", {"amount": 1}, "r")
        texts = []
        for cookie in ("0" * 32, "1" * 32):
            headers = {"cookie": f"trioflow-form={cookie}"}
            texts.append((await bench.client.get(LIVE, headers=headers)).text)
        await bench.client.post(
            "/api/workflows/approve/runs/r/resume", json={"data": {"approved": True}}
        )
        placeholder = bench.app.service.parts.placeholder

    first, second = map(token_in, texts)
    assert first != second
    assert texts[0].replace(first, second) == texts[1]
    assert placeholder not in texts[0]


@pytest.mark.slow
async def test_a_thousand_viewers_follow_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered, render = [], run_page._parts

    def count(*args: object) -> bytes:
        rendered.append(1)
        return render(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(run_page, "_parts", count)
    limits = Limits(connections=3_000, connections_per_client=3_000, streams_per_client=3_000)
    seen: list[bool] = []
    async with open_bench(attrs.evolve(OPEN, limits=limits)) as bench:
        body = {"inputData": 2, "runId": "r"}
        await bench.post("/api/workflows/told/runs", body)
        ready = trio.Event()
        watching = 0

        async def view() -> None:
            nonlocal watching
            async with open_raw(bench.server.url) as raw:
                await raw.request("GET", "/runs/r?view=stream")
                await raw.until(b"event: step-waiting")
                watching += 1
                if watching == VIEWERS:
                    ready.set()
                await raw.until(b"event: finish")
            async with open_raw(bench.server.url) as raw:
                await raw.request("GET", LIVE, None, {"connection": "close"})
                seen.append(b'"open":false' in await raw.rest())

        with trio.fail_after(240):
            async with trio.open_nursery() as nursery:
                for _ in range(VIEWERS):
                    nursery.start_soon(view)
                await ready.wait()
                answer = await bench.post("/api/workflows/told/runs/r/events/parcel", "a book")
                assert answer.status_code == 202

    assert seen == [True] * VIEWERS
    assert len(rendered) < VIEWERS / 5

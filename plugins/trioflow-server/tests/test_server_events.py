"""Our own streams: exact, from any event on, wherever the run is driven."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from trioflow_server import Limits, ServerOptions

from trioflow import open_engine
from trioflow.stores import MemoryStore

from .flows import FLOWS
from .reading import Sent, read_lines, read_sse
from .serving import OPEN, Bench, open_bench
from .sockets import open_raw


def events_of(run_id: str, workflow: str) -> str:
    return f"/api/workflows/{workflow}/runs/{run_id}/events"


async def read(bench: Bench, path: str, headers: Any = None, **query: Any) -> list[Sent]:
    """Read a stream to its end."""
    async with bench.client.stream("GET", path, params=query, headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        return [sent async for sent in read_sse(answer)]


async def test_a_finished_run_is_sent_with_the_numbers_of_its_journal() -> None:
    async with open_bench() as bench:
        await bench.start("doubled", 4, "r")
        sent = await read(bench, events_of("r", "doubled"))

    assert [each.id for each in sent] == [0, 1, 2, 3, 4]
    assert [each.event for each in sent] == [
        "start",
        "step-start",
        "step-result",
        "step-finish",
        "finish",
    ]
    assert sent[2].data["payload"]["output"] == 8


@pytest.mark.parametrize("after", range(-1, 5))
async def test_any_suffix_is_exact(after: int) -> None:
    async with open_bench() as bench:
        await bench.start("doubled", 4, "r")
        path = events_of("r", "doubled")
        by_query = await read(bench, path, after=after)
        by_header = await read(bench, path, {"last-event-id": str(after)} if after >= 0 else None)

    assert [each.id for each in by_query] == list(range(after + 1, 5))
    assert by_header == by_query


async def test_both_dialects_and_lines_show_the_same_events() -> None:
    async with open_bench() as bench:
        await bench.start("doubled", 4, "r")
        path = events_of("r", "doubled")
        old = await read(bench, path, dialect="mastra-0.18")
        accept = {"accept": "application/x-ndjson"}
        async with bench.client.stream("GET", path, headers=accept) as answer:
            lines = [line async for line in read_lines(answer)]
        listed = (await bench.get(path, format="json")).json()

    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert old[0].data["type"] == "start"
    assert lines[0]["type"] == "workflow-start"
    assert [line["seq"] for line in lines] == [each.id for each in old]
    assert listed == {"events": lines, "last": 4}


async def test_a_live_run_is_followed_over_its_suspension() -> None:
    async with open_bench() as bench:
        await bench.start("approve", {"amount": 5}, "r")
        path = events_of("r", "approve")
        until_suspended = await read(bench, path, until="suspended")
        seen: list[Sent] = []
        async with trio.open_nursery() as nursery:

            async def follow() -> None:
                seen.extend(await read(bench, path))

            nursery.start_soon(follow)
            resume = "/api/workflows/approve/runs/r/resume"
            body = {"label": "boss", "data": {"approved": True}}
            assert (await bench.post(resume, body)).status_code == 202

    assert until_suspended[-1].event == "finish"
    assert seen[: len(until_suspended)] == until_suspended
    assert [each.id for each in seen] == list(range(len(seen)))
    assert seen[-1].data["payload"]["workflowStatus"] == "success"


async def test_an_exact_suffix_survives_a_restart_of_the_server(tmp_path: Path) -> None:
    store = MemoryStore()
    async with open_bench(store=store) as bench:
        await bench.start("chatty", 3, "r")
        before = await read(bench, events_of("r", "chatty"))
    async with open_bench(store=store) as bench:
        after = await read(bench, events_of("r", "chatty"), after=2)

    assert after == before[3:]


async def test_chunks_that_a_journal_does_not_have_are_a_gap() -> None:
    store = MemoryStore()
    async with open_bench(store=store, journal_chunks=False) as bench:
        await bench.start("chatty", 3, "r")
    async with open_bench(store=store) as bench:
        sent = await read(bench, events_of("r", "chatty"))
        listed = await bench.client.get(
            events_of("r", "chatty"), headers={"accept": "application/x-ndjson"}
        )

    [gap] = [each for each in sent if each.event == "gap"]
    assert gap.data == {"type": "gap", "runId": "r", "after": 1, "before": 5, "missing": 3}
    assert gap.id is None
    assert [each.id for each in sent if each is not gap] == [0, 1, 5, 6, 7]
    assert '"type":"gap"' in listed.text


async def test_chunks_of_another_process_are_shown_if_it_keeps_them() -> None:
    store = MemoryStore()
    async with (
        open_engine(store=store, plugins=[], workflows=FLOWS, journal_chunks=True) as other,
        open_bench(store=store) as bench,
    ):
        assert await other.start_once("chatty", 3, run_id="r") is not None
        sent = await read(bench, events_of("r", "chatty"))

    assert [each.event for each in sent].count("step-output") == 3
    assert "gap" not in [each.event for each in sent]


async def test_without_a_journal_forgotten_events_are_a_gap() -> None:
    async with open_bench(store=None) as bench:
        await bench.start("chatty", 3000, "r")
        sent = await read(bench, events_of("r", "chatty"))

    assert sent[0].event == "gap"
    assert sent[0].data["after"] == -1
    assert sent[1].id == sent[0].data["before"]
    assert sent[-1].event == "finish"


async def test_a_quiet_stream_shows_that_it_lives() -> None:
    limits = Limits(heartbeat_seconds=0.05)
    async with open_bench(attrs.evolve(OPEN, limits=limits)) as bench:
        await bench.post("/api/workflows/slow/runs", {"inputData": 1}, runId="r")
        async with open_raw(bench.server.url) as raw:
            await raw.request("GET", events_of("r", "slow"))
            await raw.until(b": still here")
        async with open_raw(bench.server.url) as raw:
            await raw.request("POST", "/api/workflows/slow/observe?runId=r")
            await raw.until(b"\x1e\r\n1\r\n\x1e")  # a chunk with nothing else in it


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"after": "x"}, "after"),
        ({"after": "-2"}, "after"),
        ({"until": "tomorrow"}, "until"),
        ({"dialect": "latin"}, "dialect"),
        ({"format": "xml"}, "format"),
    ],
)
async def test_a_wrong_query_names_the_field(query: dict[str, str], field: str) -> None:
    async with open_bench() as bench:
        await bench.start("doubled", 4, "r")
        answer = await bench.get(events_of("r", "doubled"), **query)

    assert answer.status_code == 400
    assert [issue["field"] for issue in answer.json()["issues"]] == [field]


async def test_a_wrong_last_event_id_is_refused() -> None:
    async with open_bench() as bench:
        await bench.start("doubled", 4, "r")
        headers = {"last-event-id": "first"}
        answer = await bench.client.get(events_of("r", "doubled"), headers=headers)

    assert answer.json()["issues"] == [
        {"field": "Last-Event-ID", "message": "Expected a whole number"}
    ]


async def test_a_run_that_has_not_started_has_no_events() -> None:
    async with open_bench() as bench:
        await bench.post("/api/workflows/doubled/create-run", runId="r")
        answer = await bench.get(events_of("r", "doubled"))

    assert (answer.status_code, answer.json()["code"]) == (409, "run-not-started")


async def test_a_client_may_have_so_many_streams_and_no_more() -> None:
    options: ServerOptions = attrs.evolve(OPEN, limits=Limits(streams_per_client=2))
    async with open_bench(options) as bench:
        await bench.post("/api/workflows/slow/runs", {"inputData": 1}, runId="r")
        path = events_of("r", "slow")
        async with open_raw(bench.server.url) as one, open_raw(bench.server.url) as two:
            for raw in (one, two):
                await raw.request("GET", path)
                await raw.until(b"step-start")
            third = await bench.client.get(path)
        with trio.fail_after(10):
            await bench.app.service.streams.wait_closed()

        assert (third.status_code, third.json()["code"]) == (429, "too-many-streams")

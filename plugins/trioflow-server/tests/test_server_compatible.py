"""The compatible routes where the recorded exchanges say nothing."""

from __future__ import annotations

import json
from typing import Any

import attrs
import httpx
import pytest
import trio
from trioflow_server import Limits

from trioflow import Workflow
from trioflow.stores import MemoryStore

from .flows import boil, double
from .serving import OPEN, Bench, eventually, open_bench, read_records

W = "/api/workflows"


def is_odd(data: int) -> bool:
    return data % 2 == 1


async def records(bench: Bench, path: str, json: Any = None) -> list[dict[str, Any]]:
    async with bench.client.stream("POST", f"{W}/{path}", json=json) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/plain")
        return [record async for record in read_records(answer)]


def types(found: list[dict[str, Any]]) -> list[str]:
    return [record["type"].removeprefix("workflow-") for record in found]


# ---------------------------------------------------------------- several servers
async def test_a_run_that_one_server_created_is_started_by_another() -> None:
    store = MemoryStore()
    async with open_bench(store=store) as one, open_bench(store=store) as two:
        created = await one.post(f"{W}/doubled/create-run", {"resourceId": "acme"}, runId="r")
        again = await two.post(f"{W}/doubled/create-run", {"resourceId": "other"}, runId="r")
        pending = (await two.get(f"{W}/doubled/runs/r")).json()
        listed = (await two.get(f"{W}/doubled/runs", status="pending")).json()
        started = await two.post(f"{W}/doubled/start", {"inputData": 4}, runId="r")
        shown = await records(one, "doubled/observe?runId=r")
        record = (await one.get(f"{W}/doubled/runs/r")).json()

    assert (created.json(), again.json()) == ({"runId": "r"}, {"runId": "r"})
    assert (pending["status"], pending["resourceId"], "payload" in pending) == (
        "pending",
        "acme",
        False,
    )
    assert listed["total"] == 1
    assert started.json() == {"message": "Workflow run started"}
    assert types(shown) == ["start", "step-start", "step-result", "finish"]
    assert (record["resourceId"], record["result"], record["payload"]) == ("acme", 8, 4)


async def test_a_run_that_one_server_drives_is_answered_through_another() -> None:
    store = MemoryStore()
    async with open_bench(store=store) as one, open_bench(store=store) as two:
        await one.start("approve", {"amount": 5}, "r")
        body = {"step": ["ask"], "resumeData": {"approved": True}}
        result = await two.post(f"{W}/approve/resume-async", body, runId="r")
        late = await one.post(f"{W}/approve/resume-async", body, runId="r")

    assert result.json()["result"] == "paid"
    assert (late.status_code, late.json()["code"]) == (409, "run-not-suspended")


async def test_a_run_is_canceled_through_another_server() -> None:
    store = MemoryStore()
    async with open_bench(store=store) as one, open_bench(store=store) as two:
        seen: list[dict[str, Any]] = []
        async with trio.open_nursery() as nursery:

            async def follow() -> None:
                seen.extend(await records(one, "slow/stream?runId=r", {"inputData": 1}))

            nursery.start_soon(follow)

            async def is_running() -> bool:
                return (await two.get(f"{W}/slow/runs/r")).status_code == 200

            await eventually(is_running)
            cancel = await two.post(f"{W}/slow/runs/r/cancel")

    assert cancel.json() == {"message": "Workflow run cancelled"}
    assert types(seen)[-2:] == ["canceled", "finish"]


async def test_without_a_store_a_created_run_is_remembered() -> None:
    async with open_bench(store=None) as bench:
        for run_id in ("a", "b", "c"):
            await bench.post(f"{W}/doubled/create-run", runId=run_id)
        await bench.post(f"{W}/doubled/runs/b/cancel")
        await bench.client.delete(f"{W}/doubled/runs/c")
        started = await bench.post(f"{W}/doubled/start-async", {"inputData": 4}, runId="a")
        refused = await bench.post(f"{W}/doubled/start-async", {"inputData": 4}, runId="b")
        listed = (await bench.get(f"{W}/doubled/runs")).json()

    assert started.json()["result"] == 8
    assert refused.status_code == 409
    assert {run["runId"]: run["snapshot"]["status"] for run in listed["runs"]} == {
        "a": "success",
        "b": "canceled",
    }


# ---------------------------------------------------------------- streams
async def test_an_offset_leaves_out_exactly_so_many_records() -> None:
    async with open_bench() as bench:
        await bench.start("chatty", 3, "r")
        every = await records(bench, "chatty/observe?runId=r")
        for offset in range(len(every) + 2):
            found = await records(bench, f"chatty/observe?runId=r&offset={offset}")

            assert found == every[offset:]


async def test_an_offset_counts_chunks_that_the_journal_does_not_have() -> None:
    store = MemoryStore()
    async with open_bench(store=store, journal_chunks=False) as bench:
        live = await records(bench, "chatty/stream?runId=r", {"inputData": 3})
    async with open_bench(store=store) as bench:
        later = [
            await records(bench, f"chatty/observe?runId=r&offset={offset}")
            for offset in range(len(live) + 1)
        ]

    assert types(live) == ["start", "step-start", *["step-output"] * 3, "step-result", "finish"]
    for offset, found in enumerate(later):
        wanted = [record for record in live[offset:] if record["from"] == "WORKFLOW"]
        assert types(found) == types(wanted)


async def test_a_stream_that_stays_open_ends_with_the_right_status() -> None:
    async with open_bench() as bench:
        seen: list[dict[str, Any]] = []
        async with trio.open_nursery() as nursery:

            async def follow() -> None:
                body = {"inputData": {"amount": 5}, "closeOnSuspend": False}
                seen.extend(await records(bench, "approve/stream?runId=r", body))

            nursery.start_soon(follow)

            async def is_suspended() -> bool:
                run = (await bench.get(f"{W}/approve/runs/r")).json()
                return bool(run.get("status") == "suspended")

            await eventually(is_suspended)
            body = {"resumeData": {"approved": False}}
            result = await bench.post(f"{W}/approve/resume-async", body, runId="r")

    assert result.json()["result"] == "refused"
    assert types(seen).count("start") == 1
    assert types(seen).count("finish") == 1
    assert seen[-1]["payload"]["workflowStatus"] == "success"


async def test_a_run_pauses_after_each_node_and_continues() -> None:
    async with open_bench() as bench:
        body = {"inputData": 4, "perStep": True}
        first = await records(bench, "broken/stream?runId=r", body)
        second = await records(bench, "broken/resume-stream?runId=r", {})

    assert (first[-1]["payload"]["workflowStatus"], types(first)[-2]) == ("paused", "paused")
    assert second[-1]["payload"]["workflowStatus"] == "failed"
    assert second[-1]["payload"]["metadata"]["errorMessage"] == "the boiler burst"


async def test_a_run_that_a_tripwire_ended_says_why() -> None:
    async with open_bench() as bench:
        stream = await records(bench, "guarded/stream?runId=r", {"inputData": 1})
        record = (await bench.get(f"{W}/guarded/runs/r")).json()
        result = await bench.start("guarded", 1, "s")

    tripwire = {
        "reason": "not in this house",
        "retry": True,
        "metadata": {"rule": 7},
        "processorId": "guard",
    }
    assert stream[-1]["payload"]["workflowStatus"] == "tripwire"
    for found in (stream[-1]["payload"], record, result, record["steps"]["trip"]):
        assert found["tripwire"] == tripwire
    assert (record["status"], result["status"]) == ("tripwire", "tripwire")


# ---------------------------------------------------------------- misuse
MISUSE: list[tuple[str, Any, int, str]] = [
    ("approve/resume-async?runId=r", {"step": "nobody", "resumeData": {"approved": True}}, 400, ""),
    ("approve/resume-async?runId=r", {"step": "finish", "resumeData": {"approved": True}}, 400, ""),
    ("approve/resume-async?runId=r", {"resumeData": {"approved": "x"}}, 400, "invalid-value"),
    ("approve/resume-async?runId=r", {"resumeData": {"approved": True, "x": 1}}, 400, ""),
    ("approve/resume?runId=r", {"step": 5}, 400, "invalid-request-body"),
    ("approve/resume?runId=r", {"step": []}, 400, "invalid-request-body"),
    ("approve/resume?runId=r", {"forEachIndex": 1.5}, 400, "invalid-request-body"),
    ("approve/resume-stream?runId=nobody", {}, 404, "run-not-found"),
    ("approve/resume-no-wait?runId=done", {}, 409, "run-not-suspended"),
    ("approve/resume-async?runId=created", {}, 409, "run-not-suspended"),
    ("approve/stream?runId=r", {"inputData": {"amount": 5}}, 409, "run-already-started"),
    ("approve/start-async?runId=done", {"inputData": {"amount": 5}}, 409, "run-already-started"),
    ("approve/start?runId=done", {"inputData": {"amount": 5}}, 409, "run-already-started"),
    ("approve/start?runId=new", {"inputData": {"amount": "x"}}, 404, "run-not-found"),
    ("approve/stream?runId=new", {"inputData": {"amount": "x"}}, 400, "invalid-value"),
    ("approve/stream?runId=new", {"inputData": {"amount": 1}, "perStep": 1}, 400, ""),
    ("approve/stream?runId=new", [1], 400, "invalid-request-body"),
    ("approve/stream", {"inputData": {"amount": 1}}, 400, "invalid-query-parameters"),
    ("approve/observe?runId=created", None, 409, "run-not-started"),
    ("approve/observe?runId=done&offset=x", None, 400, "invalid-query-parameters"),
    ("approve/restart?runId=r", {}, 409, "run-not-active"),
    ("approve/restart-async?runId=nobody", {}, 404, "run-not-found"),
    ("approve/time-travel?runId=done", {"step": "nobody"}, 400, "unknown-step"),
    ("approve/time-travel?runId=done", {}, 400, "invalid-request-body"),
    ("approve/time-travel-async?runId=created", {"step": "ask"}, 409, "run-not-finished"),
    ("doubled/resume?runId=r", {}, 404, "run-not-found"),
    ("nothing/start-async?runId=r", {}, 404, "workflow-not-found"),
    ("approve/runs/done/send-event", {"event": "e"}, 409, "run-finished"),
    ("approve/runs/created/send-event", {"event": "e"}, 409, "run-not-started"),
    ("approve/runs/r/send-event", {}, 400, "invalid-request-body"),
    ("approve/runs/done/drain", {}, 409, "run-finished"),
    ("approve/runs/r/drain", {"grace": -1}, 400, "invalid-value"),
    ("approve/runs/r/fork", {"step": "ask", "runId": "a/b"}, 400, "invalid-id"),
    ("approve/runs/r/fork", {"step": "ask", "runId": "done"}, 409, "run-exists"),
    ("approve/runs/created/fork", {"step": "ask"}, 409, "run-not-started"),
    ("approve/runs/done/retry", {}, 409, "run-not-resumable"),
    ("approve/runs/r/resume", {"label": "nobody", "data": {"approved": True}}, 400, ""),
    ("approve/runs/done/resume", {}, 409, "run-not-suspended"),
]


async def test_mistakes_of_the_caller_are_never_repeated_by_clients_and_change_nothing() -> None:
    async with open_bench() as bench:
        await bench.start("approve", {"amount": 1}, "r")
        await bench.start("approve", {"amount": 1}, "done")
        body = {"resumeData": {"approved": True}}
        await bench.post(f"{W}/approve/resume-async", body, runId="done")
        await bench.post(f"{W}/approve/create-run", runId="created")
        before = await bench.engine.list_runs()
        for path, body, status, code in MISUSE:
            answer = await bench.post(f"{W}/{path}", body)

            assert answer.status_code == status, (path, body, answer.text)
            assert isinstance(answer.json()["error"], str)
            assert answer.json()["code"] == (code or answer.json()["code"])
        assert await bench.engine.list_runs() == before


@pytest.mark.parametrize(
    ("body", "field"), [(b"{", "body"), (b"[1]", "root"), (b"NaN", "body"), (b"[" * 5000, "body")]
)
async def test_a_body_that_does_not_parse_is_named(body: bytes, field: str) -> None:
    async with open_bench() as bench:
        answer = await bench.client.post(
            f"{W}/doubled/stream?runId=r",
            content=body,
            headers={"content-type": "application/json; charset=utf-8"},
        )

    assert answer.status_code == 400
    assert [issue["field"] for issue in answer.json()["issues"]] == [field]


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("path", ["stream?runId=r", "runs", "start?runId=e"])
async def test_a_body_of_another_type_is_refused_and_not_dropped(
    kind: str | None, path: str
) -> None:
    async with open_bench() as bench:
        empty = await bench.client.post(f"{W}/doubled/create-run?runId=e", content=b"")
        answer = await bench.client.post(
            f"{W}/doubled/{path}",
            content=b'{"runId": "r", "inputData": 1}',
            headers={"content-type": kind} if kind else {},
        )
        runs = [info.run_id for info in await bench.engine.list_runs()]

    assert (answer.status_code, answer.json()["code"]) == (400, "unsupported-media-type")
    assert "content-type: application/json" in answer.json()["error"]
    assert empty.status_code == 200
    assert runs == ["e"]


# ---------------------------------------------------------------- lists and descriptions
async def test_a_list_without_pages_has_all_runs_and_the_steps_of_the_first() -> None:
    options = attrs.evolve(OPEN, limits=Limits(page_size=2))
    async with open_bench(options) as bench:
        for number in range(4):
            await bench.start("doubled", number, f"r{number}")
        every = (await bench.get(f"{W}/doubled/runs")).json()
        page = (await bench.get(f"{W}/doubled/runs", page=1, perPage=100)).json()
        first = (await bench.get(f"{W}/doubled/runs", page=0, perPage=100)).json()

    contexts = [(run["runId"], sorted(run["snapshot"]["context"])) for run in every["runs"]]
    assert contexts == [
        ("r3", ["double", "input"]),
        ("r2", ["double", "input"]),
        ("r1", ["input"]),
        ("r0", ["input"]),
    ]
    assert (every["total"], len(first["runs"]), len(page["runs"])) == (4, 2, 0)


async def test_a_run_that_replaces_a_deleted_one_is_not_taken_for_it() -> None:
    async with open_bench() as bench:
        found = []
        for number in (1, 2):
            await bench.start("doubled", number, "r")
            found.append((await bench.get(f"{W}/doubled/runs/r")).json()["result"])
            await bench.client.delete(f"{W}/doubled/runs/r")

    assert found == [2, 4]


async def test_conditions_are_named_and_their_source_is_shown_on_demand() -> None:
    flow = Workflow("choice", input=int).branch((lambda data: data > 3, double), (is_odd, boil))
    texts = []
    for show_sources in (False, True):
        options = attrs.evolve(OPEN, show_sources=show_sources)
        async with open_bench(options, workflows=[flow]) as bench:
            info = (await bench.get(f"{W}/choice")).json()
        [node] = info["stepGraph"]
        texts.append([condition["fn"] for condition in node["serializedConditions"]])

    assert texts == [["condition", "is_odd"], ["data > 3", "is_odd"]]


async def test_an_interrupted_run_is_restarted() -> None:
    store = MemoryStore()
    async with open_bench(store=store) as bench:
        for run_id in ("a", "b", "c"):
            await bench.post(f"{W}/parcel/runs", {"inputData": 1}, runId=run_id)
        await bench.engine.drain(0)
    async with open_bench(store=store) as bench:
        started = await bench.post(f"{W}/parcel/restart", {}, runId="a")
        everything = await bench.post(f"{W}/parcel/restart-all-active-workflow-runs", {})
        for run_id in ("a", "b", "c"):
            await bench.post(f"{W}/parcel/runs/{run_id}/events/parcel", "a book")
        results = [
            (await bench.post(f"{W}/parcel/restart-async", {}, runId=run_id)) for run_id in "abc"
        ]

    assert started.json() == {"message": "Workflow run restarted"}
    assert everything.status_code == 200
    for result in results:
        assert result.status_code in (200, 409)  # if it has not ended, it is running here


# ---------------------------------------------------------------- time travel
async def test_a_time_travel_is_seen_under_the_old_id_and_is_a_run_of_its_own() -> None:
    async with open_bench() as bench:
        await bench.start("approve", {"amount": 1}, "r")
        await bench.post(f"{W}/approve/resume-async", {"resumeData": {"approved": True}}, runId="r")
        body = {"step": "ask", "resumeData": {"approved": False}}
        first = await bench.post(f"{W}/approve/time-travel-async", body, runId="r")
        stream = await records(bench, "approve/time-travel-stream?runId=r", {"step": "ask"})
        now = (await bench.get(f"{W}/approve/runs/r")).json()
        listed = (await bench.get(f"{W}/approve/runs")).json()
        suspended = (await bench.get(f"{W}/approve/runs", status="suspended")).json()
        done = (await bench.get(f"{W}/approve/runs", status="success")).json()
        observed = await records(bench, "approve/observe?runId=r")
        old = (await bench.get(f"{W}/approve/runs/r/events", format="json")).json()
        lineage = (await bench.get(f"{W}/approve/runs/r/lineage")).json()
        newest = lineage["newest"]
        fork = (await bench.get(f"{W}/approve/runs/{newest}/lineage")).json()
        await bench.post(f"{W}/approve/resume-async", {"resumeData": {"approved": True}}, runId="r")
        resumed = (await bench.get(f"{W}/approve/runs/r")).json()
        await bench.client.delete(f"{W}/approve/runs/r")
        left = await bench.engine.list_runs()

    assert (first.json()["result"], first.json()["runId"]) == ("refused", "r")
    assert types(stream) == ["start", "step-start", "step-suspended", "finish"]
    assert {record["runId"] for record in [*stream, *observed]} == {"r"}
    assert now["status"] == "suspended"
    assert [(run["runId"], run["snapshot"]["status"]) for run in listed["runs"]] == [
        ("r", "suspended")
    ]
    assert (listed["total"], suspended["total"], done["total"]) == (1, 1, 0)
    assert old["events"][-1]["payload"]["workflowStatus"] == "success"
    assert newest != "r"
    assert fork["forkedFrom"] not in (None, newest)
    assert (resumed["status"], resumed["result"]) == ("success", "paid")
    assert left == ()


async def test_a_time_travel_may_replace_what_came_before() -> None:
    async with open_bench() as bench:
        await bench.start("approve", {"amount": 1}, "r")
        context = {"prepare": {"status": "success", "output": "Really?"}}
        body = {"step": "ask", "context": context}
        answer = await bench.post(f"{W}/approve/time-travel-async", body, runId="r")

    assert answer.json()["suspendPayload"] == {"ask": {"question": "Really?"}}


async def test_a_time_travel_may_begin_in_another_state() -> None:
    async with open_bench() as bench:
        await bench.start("tallied", 1, "r")
        path, step = f"{W}/tallied", {"step": "count_again"}
        travelled = await bench.post(
            f"{path}/time-travel-async", {**step, "initialState": {"count": 10}}, runId="r"
        )
        wrong = await bench.post(
            f"{path}/time-travel", {**step, "initialState": {"count": "x"}}, runId="r"
        )
        forked = await bench.post(
            f"{path}/runs/r/fork", {**step, "initialState": {"count": 20}, "runId": "f"}
        )
        result = await (await bench.engine.load_run("f")).wait()

    assert travelled.json()["result"] == 11
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid-value")
    assert wrong.json()["error"].startswith("Invalid initial state data: ")
    assert (forked.status_code, result.output) == (201, 21)


# ---------------------------------------------------------------- old clients
async def test_an_old_client_watches_sends_events_and_asks_for_the_result() -> None:
    async with open_bench() as bench:
        await bench.post(
            f"{W}/parcel/runs", {"inputData": 1, "runtimeContext": {"a": 1}}, runId="r"
        )
        watched: list[Any] = []
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                answer = await bench.get(f"{W}/parcel/watch", runId="r")
                watched.extend(
                    json.loads(json.loads(part)) for part in answer.text.split("\x1e") if part
                )

            nursery.start_soon(watch)
            body = {"event": "parcel", "data": "a book"}
            sent = await bench.post(f"{W}/parcel/runs/r/send-event", body)
        result = (await bench.get(f"{W}/parcel/runs/r/execution-result")).json()

    assert sent.json() == {"message": "Workflow run event sent"}
    assert {state["type"] for state in watched} == {"watch"}
    assert watched[0]["payload"]["currentStep"]["status"] == "running"
    assert watched[-1]["payload"]["workflowState"]["result"] == "a book"
    assert (result["status"], result["result"], result["payload"]) == ("success", "a book", 1)
    assert set(result["steps"]) == {"take"}


# ---------------------------------------------------------------- tools
async def test_only_exposed_tools_can_be_called() -> None:
    async with open_bench(attrs.evolve(OPEN, exposed_tools=("add", "jam", "count"))) as bench:

        async def execute(tool: str, data: Any) -> httpx.Response:
            return await bench.post(f"/api/tools/{tool}/execute", {"data": data})

        good = await execute("add", {"a": 1, "b": 2})
        pieces = await execute("count", {"to": 3})
        wrong = await execute("add", {"a": "x", "b": 2})
        fails = await execute("jam", {})
        missing = await bench.post("/api/tools/add/execute", {})
        unknown = await execute("nothing", {})
    async with open_bench() as bench:
        hidden = await bench.post("/api/tools/add/execute", {"data": {"a": 1, "b": 2}})
        listed = (await bench.get("/api/tools")).json()

    assert (good.json(), pieces.json()) == (3, [0, 1, 2])
    assert (wrong.status_code, wrong.json()["error"]) == (200, True)
    assert wrong.json()["validationErrors"]
    assert (fails.status_code, fails.json()["error"]) == (422, "the press jammed")
    assert (missing.status_code, unknown.status_code) == (400, 404)
    assert (hidden.status_code, hidden.json()["code"]) == (403, "tool-not-exposed")
    assert set(listed) == {"add", "jam", "count"}


# ---------------------------------------------------------------- odds and ends
async def test_all_routes_answer_head_and_options() -> None:
    async with open_bench() as bench:
        head = await bench.client.head("/api/workflows")
        options = await bench.client.options("/api/workflows/doubled/stream")
        other = await bench.client.put("/api/workflows")
        await bench.post(f"{W}/slow/runs", {"inputData": 1}, runId="r")
        stream = await bench.client.head(f"{W}/slow/runs/r/events")

    assert (stream.status_code, stream.headers["content-type"]) == (
        200,
        "text/event-stream; charset=utf-8",
    )
    assert (head.status_code, head.content) == (200, b"")
    assert options.status_code == 204
    assert (other.status_code, other.text) == (404, "404 Not Found")


async def test_the_description_of_the_interface_is_made_from_the_routes() -> None:
    async with open_bench() as bench:
        found = (await bench.get("/api/openapi.json")).json()
        endpoints = bench.app.endpoints

    assert found["openapi"].startswith("3.1")
    for endpoint in endpoints:
        if endpoint.answer in ("json", "records", "events"):
            assert endpoint.method.lower() in found["paths"][endpoint.path]
    body = found["paths"]["/api/workflows/approve/runs"]["post"]["requestBody"]
    assert "approve.input" in json.dumps(body)
    schema = found["components"]["schemas"]["approve.input"]
    assert schema["properties"] == {"amount": {"type": "integer"}}

"""A run is started once, however often and to however many servers the request is sent."""

from __future__ import annotations

from collections import Counter
from typing import Any

import attrs
import httpx
import pytest
import trio

from trioflow.abc import Principal
from trioflow.stores import MemoryStore

from .page_flows import order
from .serving import OPEN, Bench, open_bench

RUNS = "/api/workflows/doubled/runs"
ADA, BOB = "ada's secret token", "bob's secret token"
TOKENS = {
    ADA.replace(" ", "-"): Principal("ada", resources=["a"]),
    BOB.replace(" ", "-"): Principal("bob", resources=["b"]),
}
OWNED = attrs.evolve(OPEN, tokens=TOKENS)


def by(token: str, **more: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token.replace(' ', '-')}", **more}


async def post(bench: Bench, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:
    return await bench.client.post(path, json=body, headers=headers)


async def test_a_key_starts_one_run_on_two_servers_at_once() -> None:
    store = MemoryStore()
    answers: list[httpx.Response] = []
    async with open_bench(store=store) as one, open_bench(store=store) as two:
        async with trio.open_nursery() as nursery:

            async def send(bench: Bench) -> None:
                key = {"idempotency-key": "order 7"}
                answers.append(await post(bench, RUNS, {"inputData": 4}, key))

            for bench in (one, two) * 5:
                nursery.start_soon(send, bench)

        assert len(await one.engine.list_runs()) == 1
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 9}
    assert len({answer.json()["runId"] for answer in answers}) == 1


async def test_a_run_id_starts_one_run() -> None:
    async with open_bench() as bench:
        body = {"runId": "mine", "inputData": 4}
        first, second = [await bench.post(RUNS, body) for _ in range(2)]
        other = await bench.post(RUNS, {"runId": "mine", "inputData": 5})
        elsewhere = await bench.post("/api/workflows/broken/runs", body)

    assert (first.status_code, first.json()["attached"]) == (201, False)
    assert (second.status_code, second.json()["attached"]) == (200, True)
    assert (other.status_code, other.json()["code"]) == (422, "other-input")
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (409, "run-id-taken")


@pytest.mark.parametrize("route", ["runs", "start-async", "stream?runId=r"])
async def test_a_key_with_another_input_is_refused(route: str) -> None:
    async with open_bench() as bench:
        path, key = f"/api/workflows/doubled/{route}", {"idempotency-key": "k"}
        first = await post(bench, path, {"inputData": 4}, key)
        other = await post(bench, path, {"inputData": 5}, key)

    assert first.status_code in (200, 201)
    assert (other.status_code, other.json()["code"]) == (422, "other-input")


async def test_a_repeated_request_with_a_key_gets_the_same_answer() -> None:
    async with open_bench() as bench:
        key = {"idempotency-key": "k"}
        for route in ("start-async", "stream?runId=r"):
            path = f"/api/workflows/doubled/{route}"
            answers = [await post(bench, path, {"inputData": 4}, key) for _ in range(2)]

            assert [answer.status_code for answer in answers] == [200, 200]
            assert answers[0].content == answers[1].content


async def test_an_input_that_is_too_long_for_lists_is_compared() -> None:
    async with open_bench() as bench:
        path, key = "/api/workflows/approve/runs", {"idempotency-key": "k"}
        body = {"inputData": {"amount": 10**3000}}
        first = await post(bench, path, body, key)
        same = await post(bench, path, body, key)
        other = await post(bench, path, {"inputData": {"amount": 10**3000 + 1}}, key)

    assert [first.status_code, same.status_code, other.status_code] == [201, 200, 422]


async def test_keys_are_scoped_to_principal_and_workflow() -> None:
    async with open_bench(OWNED) as bench:
        ids = set()
        for token in (ADA, BOB):
            for workflow in ("doubled", "chatty"):
                path = f"/api/workflows/{workflow}/runs"
                answer = await post(
                    bench, path, {"inputData": 1}, by(token, **{"idempotency-key": "k"})
                )
                assert answer.status_code == 201
                ids.add(answer.json()["runId"])

    assert len(ids) == 4


@pytest.mark.parametrize("route", ["runs?runId=r", "start-async?runId=r", "stream?runId=r"])
async def test_attaching_never_reveals_a_run_of_another_resource(route: str) -> None:
    async with open_bench(OWNED) as bench:
        path = f"/api/workflows/doubled/{route}"
        await post(bench, path, {"inputData": 4}, by(ADA))
        answer = await post(bench, path, {"inputData": 4}, by(BOB, **{"idempotency-key": "k"}))

    assert answer.status_code == 409
    assert answer.json() == {"error": "This run id cannot be used", "code": "run-id-taken"}


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_a_key_that_is_none_is_refused(key: str) -> None:
    async with open_bench() as bench:
        answer = await post(bench, RUNS, {"inputData": 4}, {"idempotency-key": key})

    assert answer.json()["code"] == "invalid-idempotency-key"


@pytest.mark.parametrize("run_id", ["a/b", "a b", "a?b", "..", "a#b", "x" * 201, "é\n", "%2e"])
async def test_a_run_id_that_breaks_urls_is_refused_at_creation(run_id: str) -> None:
    async with open_bench() as bench:
        answers = [
            await bench.post(RUNS, {"inputData": 4, "runId": run_id}),
            await bench.post("/api/workflows/doubled/create-run", runId=run_id),
            await bench.post("/api/workflows/doubled/stream", {"inputData": 4}, runId=run_id),
        ]

        assert [answer.json()["code"] for answer in answers] == ["invalid-id"] * 3
        assert await bench.engine.list_runs() == ()


async def test_an_input_is_the_same_with_and_without_its_defaults() -> None:
    async with open_bench(workflows=[order], tools=()) as bench:
        answers = [
            await bench.post("/api/workflows/order/runs", {"runId": "mine", "inputData": each})
            for each in (
                {"customer": "Ada"},
                {"customer": "Ada"},
                {"customer": "Ada", "express": False},
                {"customer": "Ada", "express": True},
                {"customer": 5},
            )
        ]

    assert [answer.status_code for answer in answers] == [201, 200, 200, 422, 422]

"""Lists of runs: what a principal sees of them, page by page, with the status that is shown."""

from __future__ import annotations

from typing import Any

import pytest
from trioflow_server import ServerOptions, listing

from trioflow.abc import Principal
from trioflow.stores import MemoryStore

from .serving import OPEN, Bench, open_bench

RUNS = "/api/workflows/doubled/runs"
TEAM = {"authorization": "Bearer team-team-team-team"}
TOKENS = {
    "team-team-team-team": Principal("team", resources=("acme", "globex")),
    "root-root-root-root": Principal("root"),
}


class Counting(MemoryStore):
    """A store that counts the runs that lists read."""

    headers_read = 0

    async def list_runs(self, *args: Any, **options: Any) -> Any:
        found = await super().list_runs(*args, **options)
        self.headers_read += len(found) if "limit" in options else 0  # and not to count them
        return found


async def page(bench: Bench, **query: Any) -> tuple[list[str], int]:
    answer = await bench.client.get(RUNS, params=query, headers=TEAM)
    assert answer.status_code == 200, answer.text
    return [row["runId"] for row in answer.json()["runs"]], answer.json()["total"]


async def test_a_principal_of_several_resources_pages_through_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listing, "MANY", 3)
    store, mine = Counting(), []
    async with open_bench(ServerOptions(tokens=TOKENS), store=store) as bench:
        for number in range(200):
            resource = ("acme", "initech", "globex", None)[number % 4]
            id = f"r{number}"
            await bench.engine.start_once("doubled", 1, run_id=id, resource_id=resource)
            mine += [id] if number % 2 == 0 else []
        mine.reverse()
        store.headers_read = 0
        first = await page(bench, perPage=4)
        read_for_first = store.headers_read
        pages = [await page(bench, perPage=6, page=number) for number in range(4)]
        of_one = await page(bench, resourceId="globex", limit=2, offset=1)
        of_others = await page(bench, resourceId="initech")
        succeeded = await page(bench, status="success", limit=3)

    assert first == (mine[:4], 100)
    assert read_for_first < 50  # and not all headers
    assert [id for ids, _ in pages for id in ids] == mine[:24]
    assert {total for _, total in pages} == {100}
    assert of_one == (mine[2:6:2], 50)
    assert of_others == ([], 0)
    assert succeeded == (mine[:3], 100)


async def test_runs_that_a_tripwire_ended_are_found_by_the_status_they_are_shown_with() -> None:
    path = "/api/workflows/guarded/runs"
    async with open_bench(OPEN) as bench:
        for number in range(3):
            await bench.start("guarded", number, f"g{number}")
        answers = {
            status: (await bench.get(path, status=status, limit=2)).json()
            for status in ("tripwire", "failed", "success", "waiting", "bailed", "skipped")
        }
        refused = await bench.get(path, status="tripped")

    shown = [row["snapshot"]["status"] for row in answers["tripwire"]["runs"]]
    assert (shown, answers["tripwire"]["total"]) == (["tripwire"] * 2, 3)
    assert answers["failed"]["total"] == 3
    for status in ("success", "waiting", "bailed", "skipped"):
        assert answers[status] == {"runs": [], "total": 0}
    assert refused.status_code == 400


async def test_a_run_that_has_travelled_is_listed_once_with_its_new_status() -> None:
    path = "/api/workflows/broken"
    async with open_bench(OPEN) as bench:
        for id in ("a", "b", "c"):
            await bench.start("broken", 1, id)
        body = {"step": "boil", "context": {"boil": {"status": "success", "output": 1}}}
        travelled = await bench.post(f"{path}/time-travel-async", body, runId="b")
        every = (await bench.get(f"{path}/runs", limit=2)).json()
        failed = (await bench.get(f"{path}/runs", status="failed")).json()

    assert travelled.status_code == 200, travelled.text
    assert ([row["runId"] for row in every["runs"]], every["total"]) == (["c", "b"], 3)
    assert failed["total"] == 3

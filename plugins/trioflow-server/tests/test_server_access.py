"""Who gets in, at every route."""

from __future__ import annotations

from typing import Any

import attrs
import httpx
import pytest
from trioflow_server.safety.tokens import TokenFileError, Tokens, read_tokens

from trioflow import hookimpl
from trioflow.abc import AccessRequest, Authenticator, Principal

from .serving import OPEN, Bench, open_bench
from .walking import ABOUT_RUNS, ALL, PROTECTED, PUBLIC_PATHS

FILE = """
# who may use it
token-of-the-admin  name=root
token-of-a-reader-1 name=reader scopes=read
token-of-a-starter  name=starter scopes=start
token-of-answerers  name=answerer scopes=answer
token-of-acme-only1 name=acme resources=acme
token-of-globex-one name=globex resources=globex,initech
"""
TOKENS = read_tokens(FILE.splitlines())
CLOSED = attrs.evolve(OPEN, tokens=TOKENS, allow_unauthenticated=False)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


ADMIN = bearer("token-of-the-admin")
ACME = bearer("token-of-acme-only1")
GLOBEX = bearer("token-of-globex-one")


def test_the_public_routes_are_those_that_may_be() -> None:
    public = {visit.endpoint.path for visit in ALL if visit.endpoint.is_public}

    assert public == PUBLIC_PATHS


async def test_every_other_route_needs_a_token() -> None:
    async with open_bench(CLOSED) as bench:
        for visit in PROTECTED:
            for headers in ({}, bearer("wrong-token-here"), {"authorization": "Basic eDp5"}):
                answer = await visit.send(bench.client, headers)

                assert answer.status_code == 401, str(visit)
                assert answer.json() == {
                    "error": "Authentication is needed",
                    "code": "unauthenticated",
                }
                assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_every_route_needs_its_scopes() -> None:
    async with open_bench(CLOSED) as bench:
        for visit in PROTECTED:
            for token, principal in TOKENS.items():
                missing = [each for each in visit.endpoint.needs if not principal.may(each)]
                if missing:
                    answer = await visit.send(bench.client, bearer(token))

                    assert answer.status_code == 403, (str(visit), principal)
                    assert answer.json()["code"] == "forbidden"


async def start(bench: Bench, run_id: str, headers: dict[str, str]) -> None:
    path = f"/api/workflows/approve/start-async?runId={run_id}"
    body = {"inputData": {"amount": 31337}}
    answer = await bench.client.post(path, json=body, headers=headers)
    assert answer.status_code == 200


async def test_no_route_shows_or_changes_a_run_of_another_resource() -> None:
    async with open_bench(CLOSED) as bench:
        await start(bench, "r", ACME)
        before = await bench.engine.find_run_info("r")
        for visit in ABOUT_RUNS:
            answer = await visit.send(bench.client, GLOBEX)
            if visit.endpoint.path == "/api/tools/{tool_id}/execute":
                continue  # its run id is only for traces

            assert answer.status_code in (403, 404, 409), str(visit)
            assert "31337" not in answer.text
            assert "suspended" not in answer.text

        assert attrs.evolve(await bench.engine.find_run_info("r"), held_for=0) == before
        assert [info.run_id for info in await bench.engine.list_runs()] == ["r"]


async def test_lists_and_counts_hold_only_runs_that_may_be_seen() -> None:
    async with open_bench(CLOSED) as bench:
        await start(bench, "r1", ACME)
        await start(bench, "r2", ADMIN)
        lists = [
            (await bench.client.get("/api/workflows/approve/runs", headers=headers)).json()
            for headers in (ACME, GLOBEX, ADMIN)
        ]
        counts = [
            (await bench.client.get("/api/workflows/run-counts", headers=headers)).json()
            for headers in (ACME, GLOBEX, ADMIN)
        ]

    assert [[run["runId"] for run in found["runs"]] for found in lists] == [
        ["r1"],
        [],
        ["r2", "r1"],
    ]
    assert [found["total"] for found in lists] == [1, 0, 2]
    assert [found["approve"]["suspended"] for found in counts] == [1, 0, 2]


async def test_a_run_gets_a_resource_that_its_principal_sees() -> None:
    path = "/api/workflows/doubled/runs"
    async with open_bench(CLOSED) as bench:

        async def begin(headers: dict[str, str], **more: Any) -> httpx.Response:
            return await bench.client.post(path, json={"inputData": 1, **more}, headers=headers)

        only_one = await begin(ACME)
        which = await begin(GLOBEX)
        other = await begin(GLOBEX, resourceId="acme")
        mine = await begin(GLOBEX, resourceId="initech")
        info = await bench.engine.find_run_info(only_one.json()["runId"])

    assert info.resource_id == "acme"
    assert [which.status_code, other.status_code, mine.status_code] == [403, 403, 201]


async def test_who_did_it_is_recorded() -> None:
    async with open_bench(CLOSED) as bench:
        client, runs = bench.client, "/api/workflows/approve/runs"
        await start(bench, "r1", ACME)
        body = {"data": {"approved": True}}
        await client.post(f"{runs}/r1/resume", json=body, headers=ADMIN)
        forked = await client.post(f"{runs}/r1/fork", json={"step": "ask"}, headers=ADMIN)
        await start(bench, "r2", ACME)
        await client.post(f"{runs}/r2/events/parcel", json=1, headers=ADMIN)
        await client.post(f"{runs}/r2/cancel", headers=ADMIN)
        retried = await client.post(f"{runs}/r2/retry", headers=ACME)
        found = {}
        for run_id in ("r1", "r2", forked.json()["runId"], retried.json()["runId"]):
            events = await client.get(f"{runs}/{run_id}/events?format=json", headers=ADMIN)
            found[run_id] = [
                (event["type"].removeprefix("workflow-"), event["payload"]["by"])
                for event in events.json()["events"]
                if "by" in event["payload"]
            ]

    assert list(found.values()) == [
        [("start", "acme"), ("resume", "root")],
        [("start", "acme"), ("event-received", "root"), ("canceled", "root")],
        [("start", "root")],
        [("start", "acme"), ("event-received", "root")],
    ]


class ByHeader(Authenticator):
    """Trusts a proxy that says who it is."""

    async def principal(self, request: AccessRequest) -> Principal | None:
        name = request.headers.get("x-user")
        if name == "trouble":
            raise RuntimeError("the directory is away")
        return None if name is None else Principal(name, resources=[name])


class WithAuthenticator:
    calls = 0

    @hookimpl
    def trioflow_authenticator(self) -> Authenticator:
        self.calls += 1
        return ByHeader()


async def test_a_plugin_may_say_who_it_is() -> None:
    plugin = WithAuthenticator()
    async with open_bench(OPEN, plugins=[plugin]) as bench:
        statuses = [
            (await bench.client.get("/api/workflows", headers=headers)).status_code
            for headers in ({}, {"x-user": "ada"}, {"x-user": "trouble"})
        ]
        await start(bench, "r", {"x-user": "ada"})
        info = await bench.engine.find_run_info("r")

    assert statuses == [401, 200, 401]
    assert info.resource_id == "ada"
    assert plugin.calls == 1


async def test_without_any_authentication_nobody_gets_in_unless_asked_for() -> None:
    async with open_bench(attrs.evolve(OPEN, allow_unauthenticated=False)) as bench:
        statuses = {(await visit.send(bench.client)).status_code for visit in PROTECTED}

    assert statuses == {401}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("short", "at least 16 characters"),
        ("0123456789abcdef name", "expected name="),
        ("0123456789abcdef scopes=all", "unknown scopes all"),
        ("0123456789abcdef colour=red", "expected name="),
        ("token-of-twice-1 name=a\ntoken-of-twice-1 name=b", "twice"),
    ],
)
def test_a_wrong_token_file_is_refused_without_the_token(line: str, problem: str) -> None:
    with pytest.raises(TokenFileError, match=problem) as caught:
        read_tokens(line.splitlines())

    assert "0123456789abcdef" not in str(caught.value)


def test_a_token_without_more_may_do_everything() -> None:
    [principal] = read_tokens(["0123456789abcdef"]).values()

    assert principal == Principal("token-1")
    assert "0123456789abcdef" not in repr(Tokens({"0123456789abcdef": principal}))
    assert "0123456789abcdef" not in repr(
        attrs.evolve(OPEN, tokens={"0123456789abcdef": principal})
    )

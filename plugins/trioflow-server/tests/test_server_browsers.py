"""Browsers: other origins, other names, sessions and forms, and what pages may do."""

from __future__ import annotations

import re
import time

import attrs
import httpx
import pytest
from trioflow_server.safety.sessions import Sessions
from trioflow_server.safety.tokens import Tokens, read_tokens

from .serving import OPEN, Bench, open_bench
from .walking import ALL

TOKEN = "a-token-of-16-characters-and-more"
TOKENS = read_tokens([f"{TOKEN} name=ada scopes=read,start"])
CLOSED = attrs.evolve(OPEN, tokens=TOKENS, allow_unauthenticated=False)
STUDIO = "http://localhost:3000"


# ---------------------------------------------------------------- names and origins
@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("localhost:8765", 200),
        ("LOCALHOST", 200),
        ("[::1]:1", 200),
        ("flows.example", 200),
        ("flows.example:443", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example:8765", 421),
        ("", 421),
    ],
)
async def test_only_names_of_this_server_are_answered(host: str, status: int) -> None:
    async with open_bench(attrs.evolve(OPEN, allowed_hosts=("Flows.example",))) as bench:
        for path in ("/", "/health", "/api/workflows", "/nothing"):
            answer = await bench.client.get(path, headers={"host": host})

            assert answer.status_code == (404 if (path, status) == ("/nothing", 200) else status)


async def test_all_names_can_be_allowed() -> None:
    async with open_bench(attrs.evolve(OPEN, allowed_hosts=("*",))) as bench:
        answer = await bench.client.get("/health", headers={"host": "any.example"})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "file://"},
        {"origin": "http://["},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"},
    ],
)
async def test_pages_of_other_origins_are_refused_at_every_route(headers: dict[str, str]) -> None:
    async with open_bench() as bench:
        for visit in ALL:
            answer = await visit.send(bench.client, headers)

            assert (answer.status_code, answer.json()["code"]) == (403, "cross-origin"), str(visit)
            assert "access-control-allow-origin" not in answer.headers
        assert await bench.engine.list_runs() == ()


async def test_links_from_other_sites_lead_to_pages() -> None:
    async with open_bench() as bench:
        headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}

        assert (await bench.client.get("/", headers=headers)).status_code == 200
        assert (await bench.client.post("/login", headers=headers)).status_code == 403


async def test_the_servers_own_pages_may_use_it() -> None:
    async with open_bench(attrs.evolve(OPEN, allowed_hosts=("flows.example",))) as bench:
        port = bench.server.url.rpartition(":")[2]
        for host, origin in (
            (f"127.0.0.1:{port}", f"http://127.0.0.1:{port}"),
            ("flows.example", "https://flows.example"),
            ("flows.example:443", "https://flows.example"),
        ):
            headers = {"host": host, "origin": origin}
            assert (await bench.client.get("/api/workflows", headers=headers)).status_code == 200


async def test_an_allowed_origin_may_read_and_send_credentials() -> None:
    async with open_bench(attrs.evolve(OPEN, cors_origins=(STUDIO,))) as bench:
        asked = {
            "origin": STUDIO,
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type,x-mastra-client-type",
        }
        preflight = await bench.client.options("/api/workflows/doubled/stream", headers=asked)
        answer = await bench.client.get("/api/workflows", headers={"origin": STUDIO})
        other = await bench.client.options("/api/workflows", headers={"origin": "http://x.example"})

    assert preflight.status_code == 204
    for found in (preflight, answer):
        assert found.headers["access-control-allow-origin"] == STUDIO
        assert found.headers["access-control-allow-credentials"] == "true"
        assert found.headers["vary"] == "Origin"
    assert "DELETE" in preflight.headers["access-control-allow-methods"]
    assert "x-mastra-dev-playground" in preflight.headers["access-control-allow-headers"]
    assert preflight.headers["access-control-max-age"] == "3600"
    assert "access-control-allow-origin" not in other.headers


# ---------------------------------------------------------------- what pages may do
async def test_every_answer_says_what_pages_may_do() -> None:
    async with open_bench() as bench:
        paths = ("/", "/health", "/api/workflows", "/nothing", "/static/page.css")
        answers = [await bench.client.get(path) for path in paths]
        answers.append(await bench.client.get("/", headers={"host": "evil.example"}))

    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "server" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static/page.css/",
        "/static/",
    ],
)
async def test_only_files_of_the_pages_are_served(path: str) -> None:
    async with open_bench() as bench:
        answer = await bench.client.get(path)

    assert answer.status_code == 404


async def test_a_file_is_not_sent_twice() -> None:
    async with open_bench() as bench:
        first = await bench.client.get("/static/page.css")
        again = {"if-none-match": first.headers["etag"]}
        second = await bench.client.get("/static/page.css", headers=again)

    assert first.headers["content-type"].startswith("text/css")
    assert (second.status_code, second.content) == (304, b"")


# ---------------------------------------------------------------- sessions
async def log_in(bench: Bench, token: str = TOKEN) -> httpx.Response:
    return await bench.client.post("/login", data={"token": token})


async def test_a_browser_logs_in_with_a_form_and_out() -> None:
    async with open_bench(CLOSED) as bench:
        form = await bench.client.get("/")
        wrong = await log_in(bench, "not-the-token-at-all")
        right = await log_in(bench)
        home = await bench.client.get("/")
        listed = await bench.client.get("/api/workflows")
        [token] = re.findall(r'name="csrf" value="(\w+)"', home.text)
        forged = await bench.client.post("/logout", data={"csrf": "x"})
        out = await bench.client.post("/logout", data={"csrf": token})
        after = await bench.client.get("/api/workflows")

    assert (form.status_code, 'name="token"' in form.text) == (200, True)
    assert (wrong.status_code, "not valid" in wrong.text) == (403, True)
    assert (right.status_code, right.headers["location"]) == (303, "/")
    cookie = right.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert TOKEN not in cookie
    assert (home.status_code, listed.status_code) == (200, 200)
    assert (forged.status_code, forged.json()["code"]) == (403, "forged-form")
    assert (out.status_code, after.status_code) == (303, 401)


async def test_a_session_is_what_its_token_is() -> None:
    async with open_bench(CLOSED) as bench:
        await log_in(bench)
        path = "/api/workflows/doubled/runs"
        started = await bench.client.post(path, json={"inputData": 1})
        deleted = await bench.client.delete(f"{path}/{started.json()['runId']}")

    assert (started.status_code, deleted.status_code) == (201, 403)


def test_a_session_ends_with_its_time_and_its_token(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = Sessions(Tokens(TOKENS))
    cookie = sessions.open(TOKEN)
    assert cookie is not None

    assert sessions.principal(cookie) == TOKENS[TOKEN]
    assert Sessions(Tokens({})).principal(cookie) is None
    assert Sessions(Tokens(read_tokens(["another-token-of-16 name=ada"]))).principal(cookie) is None
    for wrong in (cookie[:-1], cookie + "A", "", "é", "A", cookie[4:], "." * 30):
        assert sessions.principal(wrong) is None
    monkeypatch.setattr(time, "time", lambda: 1e12)
    assert sessions.principal(cookie) is None


async def test_a_server_without_tokens_has_no_login() -> None:
    async with open_bench() as bench:
        answer = await log_in(bench)
        out = await bench.client.post("/logout", data={})

    assert (answer.status_code, answer.json()["code"]) == (404, "no-login")
    assert out.status_code == 303


async def test_a_form_with_too_many_fields_is_refused() -> None:
    async with open_bench(CLOSED) as bench:
        answer = await bench.client.post("/login", data={f"f{i}": "x" for i in range(2000)})

    assert answer.json()["code"] == "invalid-form"


async def test_links_have_the_base_path_in_front() -> None:
    async with open_bench(attrs.evolve(CLOSED, base_path="/flows")) as bench:
        root = bench.server.url.removesuffix("/flows")
        form = await bench.client.get("/")
        outside = [
            (await bench.client.get(f"{root}{path}")).status_code for path in ("/health", "/flowsy")
        ]
        right = await log_in(bench)

    assert 'action="/flows/login"' in form.text
    assert right.headers["location"] == "/flows/"
    assert "Path=/flows;" in right.headers["set-cookie"]
    assert outside == [404, 404]

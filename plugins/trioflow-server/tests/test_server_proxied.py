"""TLS, and servers behind a proxy that ends it."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import attrs
import httpx
import pytest
import trio
from trioflow_server import Binding, create_app, open_server

from trioflow import open_engine

from .flows import FLOWS
from .reading import sse_in
from .serving import OPEN, open_bench

CERTIFY = (
    *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
    *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate of this machine, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = ["openssl", *CERTIFY, "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


@pytest.mark.slow
async def test_streams_pass_through_tls(certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    binding = Binding(port=0, certfile=str(cert), keyfile=str(key))
    path = "/api/workflows/chatty/runs"
    async with (
        open_engine(workflows=FLOWS, store="memory:", journal_chunks=True) as engine,
        open_server(create_app(engine, OPEN), binding) as server,
    ):
        assert server.url.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=str(cert))
        async with httpx.AsyncClient(base_url=server.url, verify=context) as client:
            body = {"inputData": 3_000, "runId": "r"}  # more than is sent at once
            assert (await client.post(path, json=body)).status_code == 201
            answer = await client.get(f"{path}/r/events", timeout=60)
        with trio.fail_after(20):
            async with await trio.open_ssl_over_tcp_stream(
                "127.0.0.1", int(server.url.rpartition(":")[2]), ssl_context=context
            ) as stream:
                head = f"GET {path}/r/events HTTP/1.1\r\nhost: localhost\r\n\r\n"
                await stream.send_all(head.encode())
                await stream.receive_some()  # and leaves in the middle of it
            await server.app.service.streams.wait_closed()

    ids = [sent.id for sent in sse_in(answer.content)]
    assert ids == list(range(len(ids)))
    assert len(ids) > 3_000


async def test_a_client_without_tls_is_not_answered_on_a_port_with_tls(
    certificate: tuple[Path, Path],
) -> None:
    cert, key = certificate
    binding = Binding(port=0, certfile=str(cert), keyfile=str(key))
    async with (
        open_engine(workflows=FLOWS) as engine,
        open_server(create_app(engine, OPEN), binding) as server,
    ):
        port = int(server.url.rpartition(":")[2])
        with trio.fail_after(20):
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                await stream.send_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
                found = b""
                try:
                    while piece := await stream.receive_some():
                        found += piece
                except trio.BrokenResourceError:
                    pass

    assert b"HTTP/1.1 200" not in found


async def test_a_proxy_is_a_name_and_a_path_in_front() -> None:
    options = attrs.evolve(OPEN, allowed_hosts=("flows.example",), base_path="/flows")
    headers = {
        "host": "flows.example",
        "x-forwarded-proto": "https",
        "x-forwarded-host": "evil.example",
        "origin": "https://flows.example",
    }
    async with open_bench(options) as bench:
        base = bench.server.url.removesuffix("/flows")
        async with httpx.AsyncClient(base_url=base, headers=headers) as client:
            page = await client.get("/flows/")
            outside = await client.get("/api/workflows")
            started = await client.post(
                "/flows/api/workflows/doubled/start-async", json={"inputData": 2}
            )
            refused = await client.get("/flows/", headers={"host": "evil.example"})

    assert page.status_code == 200
    assert "/flows/static/" in page.text
    assert "evil.example" not in page.text
    assert outside.status_code == 404
    assert started.json()["result"] == 4
    assert refused.status_code == 421

"""``agents.review`` reads a checkout, reports, and writes only what was approved."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import trio
from trioflow_agents import Approved, Refused, Scripted, ToolAnswer, ToolRequest, history
from trioflow_agents.approving import digest_of

from trioflow import Run, open_engine
from trioflow.errors import DefinitionError
from trioflow.stores import MemoryStore

from .helping import asks
from .model_server import ModelServer, serve_replies

WRITTEN = {"path": "REVIEW.md", "text": "# Fine\n"}


def script(*calls: ToolRequest) -> Any:
    """Return a script: each call in a turn of its own, and then the report."""

    def reply(request: dict[str, Any]) -> Scripted:
        turn = sum(message["role"] == "assistant" for message in request["messages"])
        if turn < len(calls):
            return Scripted(calls=(calls[turn],))
        return Scripted(["# Report\n", "All ", "is fine.\n"])

    return reply


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    (root / "src").mkdir(parents=True)
    (root / "src" / "a.py").write_text("one\ntwo\nthree\n")
    (root / ".gitignore").write_text(".env\n")
    (root / ".env").write_text("KEY=1")
    (tmp_path / "secret").write_text("the secret")
    (root / "link").symlink_to("../secret")
    (root / "logo").write_bytes(b"\0")
    return root


def set_up(monkeypatch: pytest.MonkeyPatch, server: ModelServer) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "key-1")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
    monkeypatch.setenv("OPENAI_MODEL", "small")


def answers(run: Run[Any, Any]) -> list[str]:
    return [m.content for m in history(run) if isinstance(m, ToolAnswer)]


async def test_it_reads_and_reports(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = [
        asks("c1", "list_files"),
        asks("c2", "read_file", path="src/a.py", first_line=2),
        asks("c3", "read_file", path="../secret"),
        asks("c4", "read_file", path="link"),
        asks("c5", "read_file", path=".env"),
        asks("c6", "read_file", path="logo"),
        asks("c7", "read_file", path="nowhere"),
        asks("c8", "list_files", folder="/"),
    ]
    async with serve_replies(script(*calls)) as server:
        set_up(monkeypatch, server)
        async with open_engine(plugins=["agents", "files"], store="memory:") as engine:
            run = engine.submit("agents.review", {"root": str(checkout)})
            result = await run.wait()

    assert result.output == "# Report\nAll is fine.\n", result.error
    found = answers(run)
    assert found[:2] == [".gitignore\nlogo\nsrc/a.py", "    2  two\n    3  three"]
    kinds = ["OutsideRoot", "OutsideRoot", "IgnoredFile", "NotText", "Unreadable", "OutsideRoot"]
    assert [answer.partition("Error: ")[0] for answer in found[2:]] == kinds
    assert server.requests[0]["model"] == "small"
    assert server.headers[0]["authorization"] == "Bearer key-1"
    assert not any("secret" in answer for answer in found if not answer.startswith("OutsideRoot"))


@pytest.mark.parametrize("decision", ["approved", "refused"])
async def test_nothing_is_written_without_approval(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, decision: str
) -> None:
    store = MemoryStore()
    async with serve_replies(script(asks("c1", "write_file", **WRITTEN))) as server:
        set_up(monkeypatch, server)
        async with open_engine(plugins=["agents", "files"], store=store) as engine:
            result = await engine.submit(
                "agents.review", {"root": str(checkout)}, run_id="r"
            ).wait()
            assert result.status == "suspended"
            assert not (checkout / "REVIEW.md").exists()
        async with open_engine(plugins=["agents", "files"], store=store) as engine:
            run = await engine.load_run("r")
            yes = Approved(digest_of("write_file", WRITTEN))
            result = await run.resume(yes if decision == "approved" else Refused("not now"))

    assert result.status == "success"
    if decision == "approved":
        assert (checkout / "REVIEW.md").read_text() == "# Fine\n"
        assert answers(run) == ["7 bytes written"]
    else:
        assert not (checkout / "REVIEW.md").exists()
        assert "not now" in answers(run)[0]


async def test_what_is_long_is_read_in_parts(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / "long").write_text("x" * 99 + "\n" + "y\n" * 30_000)
    call = asks("c1", "read_file", path="long")
    async with serve_replies(script(call)) as server:
        set_up(monkeypatch, server)
        async with open_engine(plugins=["agents", "files"]) as engine:
            run = engine.submit("agents.review", {"root": str(checkout)})
            await run.wait()
    assert "more characters" in answers(run)[0] or "[cut; read on with" in answers(run)[0]


@pytest.mark.parametrize(
    ("given", "plugins", "key", "problem"),
    [
        ({}, ["agents", "files"], "", "set OPENAI_API_KEY"),
        ({"root": "nowhere"}, ["agents", "files"], "k", "'nowhere' is not a folder"),
        ({}, ["agents"], "k", r"pip install 'trioflow-agents\[review\]'"),
    ],
)
async def test_what_is_missing_is_named(
    given: Any, plugins: list[str], key: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    async with open_engine(plugins=plugins) as engine:
        result = await engine.create_run("agents.review").start(given)
    with pytest.raises(DefinitionError, match=problem):
        result.unwrap()


# ---------------------------------------------------------------- on the command line
async def trioflow(*arguments: str, **env: str) -> CompletedProcess[bytes]:
    command = [sys.executable, "-m", "trioflow", *arguments]
    return await trio.run_process(
        command,
        capture_stdout=True,
        capture_stderr=True,
        check=False,
        env={**os.environ, "OPENAI_API_KEY": "", **env},
    )


async def test_the_command_says_what_to_set() -> None:
    done = await trioflow("run", "agents.review", "--input", '{"root": "."}')

    assert done.returncode == 2
    assert b"set OPENAI_API_KEY" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.slow
async def test_the_command_asks_before_it_writes(checkout: Path, tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'runs.db'}"
    call = asks("c1", "write_file", **WRITTEN)
    async with serve_replies(script(asks("c0", "list_files"), call)) as server:
        env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": f"{server.url}/v1"}
        given = json.dumps({"root": str(checkout)})
        options = ("--store", store, "--run-id", "r")
        done = await trioflow("run", "agents.review", "--input", given, *options, **env)
        assert done.returncode == 3, done.stderr
        assert not (checkout / "REVIEW.md").exists()
        answer = json.dumps({"digest": digest_of("write_file", WRITTEN)})
        assert f"such as {answer}\n".encode() in done.stderr
        resumed = await trioflow("resume", "r", "--store", store, "--data", answer, **env)

    assert resumed.returncode == 0, resumed.stderr
    assert (checkout / "REVIEW.md").read_text() == "# Fine\n"
    assert b"All is fine." in resumed.stdout

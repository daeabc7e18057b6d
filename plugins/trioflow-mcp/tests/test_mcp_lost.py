"""Servers that die, are slow, or are not there: a typed error at once, and no process is left."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path

import pytest
import trio
from mcp.client.stdio import StdioServerParameters, stdio_client
from trioflow_mcp import McpConnectionError, McpTimeoutError, open_mcp

from .demo_server import make_server
from .forking import Forks
from .helping import call, engine_with, error_of, output_of, raw, serve_http

OWNER = str(Path(__file__).with_name("owner.py"))


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_process_that_dies_in_a_call_fails_it_with_its_last_words() -> None:
    async with engine_with(raw()) as engine:
        error = await error_of(engine, "die")

        assert isinstance(error, McpConnectionError)
        assert error.stderr == "last words"
        assert "last words" in str(error)


async def test_the_next_call_starts_the_process_again() -> None:
    async with engine_with(raw()) as engine:
        await error_of(engine, "die")

        assert await output_of(engine, "echo", a=1) == [{"type": "text", "text": '{"a": 1}'}]


async def test_a_process_that_dies_between_calls_fails_the_next_one(tmp_path: Path) -> None:
    async with engine_with(raw(f"pid={tmp_path / 'pid'}")) as engine:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
        errors = [result.error for result in [await call(engine, "echo") for _ in range(2)]]

    assert isinstance(errors[0], McpConnectionError)
    assert errors[1] is None


async def test_a_broken_message_fails_the_calls_that_are_running() -> None:
    async with engine_with(raw()) as engine:
        error = await error_of(engine, "garble")

        assert isinstance(error, McpConnectionError)
        assert "no message" in str(error)
        assert await output_of(engine, "echo") == [{"type": "text", "text": "{}"}]


@pytest.mark.parametrize(
    ("tool", "problem"),
    [("flood", "a line of more than 67,108,864 characters"), ("latin", "that is no text")],
)
async def test_what_cannot_be_read_fails_the_calls_that_are_running(
    tool: str, problem: str
) -> None:
    """The processes of the server end, and the run may call again."""
    async with engine_with(raw()) as engine:
        error = await error_of(engine, tool)

        assert isinstance(error, McpConnectionError)
        assert problem in str(error)
        assert await output_of(engine, "echo") == [{"type": "text", "text": "{}"}]


async def test_a_server_that_floods_instead_of_starting_is_refused_at_once() -> None:
    with pytest.raises(McpConnectionError, match="a line of more than"):
        async with open_mcp(raw("floods"), start_timeout=1_000):
            pass


async def test_what_a_server_logs_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "trioflow.mcp"):
        async with engine_with(raw()) as engine:
            await output_of(engine, "log")

    logged = {each.args[1]: each.levelname for each in caplog.records if each.args}  # type: ignore[index]
    assert logged == {
        "debug": "DEBUG",
        "info": "INFO",
        "notice": "INFO",
        "warning": "WARNING",
        "error": "ERROR",
        "critical": "CRITICAL",
        "alert": "CRITICAL",
        "emergency": "CRITICAL",
    }


async def test_lines_that_a_server_prints_are_skipped() -> None:
    async with engine_with(raw("prints")) as engine:
        assert await output_of(engine, "echo") == [{"type": "text", "text": "{}"}]


async def test_a_command_that_does_not_exist() -> None:
    with pytest.raises(McpConnectionError, match="No such file or directory: 'no-such-command'"):
        async with open_mcp(["no-such-command"]):
            pass


async def test_a_process_that_ends_at_once_says_why() -> None:
    with pytest.raises(McpConnectionError, match=r"it ended; its standard error.*\nno database"):
        async with open_mcp(raw("fails")):
            pass


async def test_a_server_that_is_slow_to_start_has_a_time_out() -> None:
    with pytest.raises(McpTimeoutError, match=r"did not start within 0\.2 s"):
        async with open_mcp(raw("silent"), start_timeout=0.2):
            pass


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        ("refuses initialize", r"did not start within 5 s; it refused to initialize: no licence"),
        ("refuses initialize server/discover", r"it refused to initialize: no licence"),
    ],
)
async def test_a_server_that_refuses_to_start_says_why(how: str, problem: str) -> None:
    with pytest.raises(McpConnectionError, match=problem):
        async with open_mcp(raw(how), start_timeout=5):
            pass


async def test_no_server_at_the_url() -> None:
    async with serve_http(make_server(Path("unused")).streamable_http_app()) as url:
        pass
    with pytest.raises(McpConnectionError, match="ConnectError"):
        async with open_mcp(url + "/mcp"):
            pass


async def test_something_else_at_the_url(tmp_path: Path) -> None:
    async with serve_http(make_server(tmp_path / "log").streamable_http_app()) as url:
        with pytest.raises(McpConnectionError, match="HTTP status 404"):
            async with open_mcp(url + "/other"):
                pass


async def test_a_server_that_goes_away_fails_running_calls_and_may_come_back(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    async with trio.open_nursery() as nursery:
        servers = Restartable(log)
        await nursery.start(servers.serve)
        async with engine_with(servers.url) as engine:
            hanging = engine.submit("call", {"tool": "hang", "args": {}})
            while not log.exists():  # noqa: ASYNC110
                await trio.sleep(0.01)
            servers.stop()
            assert isinstance((await hanging.wait()).error, McpConnectionError)
            assert isinstance(await error_of(engine, "add", a=1), McpConnectionError)

            await nursery.start(servers.serve)
            assert await output_of(engine, "add", a=1) == {"result": 2}
        nursery.cancel_scope.cancel()


class Restartable:
    """A demo server over HTTP that can be started again on the same port."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.port = 0
        self.scope = trio.CancelScope()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    async def serve(self, *, task_status: trio.TaskStatus[None]) -> None:
        app = make_server(self.log).streamable_http_app()
        with trio.CancelScope() as self.scope:
            async with serve_http(app, self.port) as url:
                self.port = int(url.rpartition(":")[2])
                task_status.started()
                await trio.sleep_forever()

    def stop(self) -> None:
        self.scope.cancel()


async def test_a_transport_can_be_used_once(tmp_path: Path) -> None:
    transport = stdio_client(StdioServerParameters(command=raw()[0], args=raw()[1:]))
    async with engine_with(transport) as engine:
        await error_of(engine, "die")

        assert isinstance(await error_of(engine, "echo"), McpConnectionError)


async def test_the_process_ends_with_the_block(tmp_path: Path) -> None:
    async with open_mcp(raw(f"pid={tmp_path / 'pid'}")):
        pid = int((tmp_path / "pid").read_text())
        assert is_alive(pid)
    assert not is_alive(pid)


async def test_the_process_ends_with_a_block_that_is_canceled(tmp_path: Path) -> None:
    with trio.CancelScope() as scope:
        async with open_mcp(raw(f"pid={tmp_path / 'pid'}")):
            scope.cancel()
            await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert not is_alive(int((tmp_path / "pid").read_text()))


@pytest.mark.slow
async def test_a_process_that_does_not_want_to_end_is_killed() -> None:
    """It ignores the end of its input, and the signal to end."""
    with trio.fail_after(30):
        async with open_mcp(raw("stubborn")):
            pass


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_the_process_ends_with_its_owner(tmp_path: Path, how: signal.Signals, forks: Forks) -> None:
    """Also if the owner has no time for anything: its end of the pipe is closed."""
    owner = forks.start([OWNER, *raw(f"pid={tmp_path / 'pid'}")], tmp_path)
    assert owner.stdout.readline() == "open\n"
    owner.send_signal(how)
    owner.communicate()
    assert owner.returncode != 0

    trio.run(wait_gone, int((tmp_path / "pid").read_text()))


async def wait_gone(pid: int) -> None:
    with trio.fail_after(20):
        while is_alive(pid):  # noqa: ASYNC110  # another process ends it
            await trio.sleep(0.01)

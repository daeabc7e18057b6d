"""Log records of workers: what arrives, how often, and what handlers cannot spoil."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from process_steps import logging_at_import, values
from process_steps.engines import open_workers, start, workflow

from trioflow import TracingContext
from trioflow.errors import StepTimeoutError
from trioflow.instruments import StepTracker

PROGRAM = """
import trio
from process_steps.engines import open_workers, start
from process_steps.logging_at_import import log_once

async def main():
    async with open_workers() as engine:
        (await start(engine, log_once)).unwrap()
        (await start(engine, log_once)).unwrap()

trio.run(main)
"""


def test_nothing_is_written_twice_if_a_module_sets_up_logging(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "log"
    monkeypatch.setenv(logging_at_import.FILE, str(file))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stderr == ""
    assert file.read_text().splitlines() == ["shop sold (passed)", "own_file kept"] * 2


async def test_handlers_that_a_body_adds_are_used_in_its_worker(tmp_path: Path) -> None:
    file = tmp_path / "log"
    async with open_workers() as engine:
        for _ in range(2):
            (await start(engine, logging_at_import.log_to_file, str(file))).unwrap()

    assert file.read_text().splitlines() == ["noted", "noted below"] * 2


async def test_values_arrive_as_they_were(caplog: pytest.LogCaptureFixture) -> None:
    async with open_workers() as engine:
        (await start(engine, logging_at_import.log_values)).unwrap()

    cart = logging_at_import.Cart
    first, mapped, typed, shown, unread, message, wrong, failed = caplog.records
    assert (first.msg, first.args, first.getMessage()) == ("%s and %d", ("one", 2), "one and 2")
    assert vars(first)["cart"] == cart(("a",))
    assert vars(first)["lock"].startswith("<unlocked")
    assert (mapped.args, mapped.getMessage()) == ({"a": 5}, "5")
    assert (typed.args, message.msg) == ((cart(("b",)),), cart(("c",)))
    assert [shown.getMessage(), unread.getMessage()] == ["unpicklable", "unreadable"]
    assert wrong.getMessage() == "%d"
    assert failed.exc_info is not None
    assert failed.exc_info[0] is KeyError
    assert "in log_values" in logging.Formatter().formatException(failed.exc_info)
    assert "in log_values" in str(failed.stack_info)


# ---------------------------------------------------------------- structlog
def test_events_of_structlog_arrive_as_such(tmp_path: Path) -> None:
    """Workers import the program, which sets up structlog as its documentation does."""
    (tmp_path / "program.py").write_text(STRUCTLOG)
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.stderr == ""
    wanted = {"event": "charged", "card": 7, "level": "info", "run_id": "r", "attempt": 1}
    assert [{**wanted, "step_id": id} for id in ("in_thread", "in_process")] == [
        {name: event[name] for name in (*wanted, "step_id")} for event in events
    ]


STRUCTLOG = """
import logging, sys
import structlog, trio
from trioflow import Workflow, open_engine, step
from trioflow.instruments import StepTracker, add_step_context

formatter = structlog.stdlib.ProcessorFormatter
shared = [add_step_context, structlog.stdlib.add_log_level]
structlog.configure(
    processors=[*shared, formatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
)
handler = logging.StreamHandler(sys.stdout)
last = [formatter.remove_processors_meta, structlog.processors.JSONRenderer()]
handler.setFormatter(formatter(foreign_pre_chain=shared, processors=last))
logging.root.addHandler(handler)
logging.root.setLevel(logging.INFO)

def body(n: int) -> int:
    structlog.get_logger("shop").info("charged", card=n)
    return n

@step
def in_thread(n: int) -> int: return body(n)

@step(runner="process")
def in_process(n: int) -> int: return body(n)

async def main():
    flow = Workflow("flow", input=int).then(in_thread).then(in_process)
    async with open_engine(workflows=[flow], instruments=[StepTracker()]) as engine:
        (await engine.create_run("flow", run_id="r").start(7)).unwrap()

if __name__ == "__main__":
    trio.run(main)
"""


async def test_the_current_step_is_known_in_workers() -> None:
    tell = workflow(logging_at_import.tell_step)
    span = TracingContext(threading.Lock())
    async with open_workers(instruments=[StepTracker()]) as engine:
        known = (await engine.create_run(tell).start(None)).unwrap()
        again = (await engine.create_run(tell).start(None, tracing_context=span)).unwrap()
    async with open_workers() as engine:
        unknown = (await engine.create_run(tell).start(None)).unwrap()

    assert known == again == [True, "tell_step", 1, "logging_at_import"]
    assert unknown == []


# ---------------------------------------------------------------- handlers
class Held(logging.Handler):
    """Does not return until it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.may.wait(60)


class Broken(logging.Handler):
    """Raises what a handler should handle itself."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def emit(self, record: logging.LogRecord) -> None:
        raise self.error


@pytest.fixture
def much() -> Iterator[logging.Logger]:
    logger = logging.getLogger("much")
    yield logger
    logger.handlers.clear()


async def test_a_slow_handler_holds_up_neither_the_loop_nor_the_step(
    much: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trioflow.runners.remote._logbook.PATIENCE", 0.1)
    handler = Held()
    much.addHandler(handler)
    async with open_workers() as engine:
        failed = await start(engine, logging_at_import.fail_after_logging)
        other = await start(engine, values.plain, 1)
        handler.may.set()

    assert str(failed.error) == "its own error"
    assert other.unwrap() == 2


async def test_bodies_wait_if_too_many_records_wait(
    much: logging.Logger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("trioflow.runners.remote._logbook.LONGEST", 5)
    handler = Held()
    much.addHandler(handler)
    async with open_workers() as engine:
        run = engine.submit(workflow(logging_at_import.log_much), 300)
        with trio.move_on_after(0.3):
            await run.wait()
        assert run.status == "running"
        handler.may.set()
        assert (await run.wait()).unwrap() == 300

    assert [record.getMessage() for record in caplog.records] == [str(n) for n in range(300)]


@pytest.mark.parametrize("error", [RuntimeError("broken"), SystemExit(3), KeyboardInterrupt()])
async def test_a_broken_handler_does_not_change_the_error_of_the_step(
    error: BaseException, much: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    much.addHandler(Broken(error))
    async with open_workers() as engine:
        failed = await start(engine, logging_at_import.fail_after_logging)
        fine = await start(engine, logging_at_import.log_much, 3)

    assert (type(failed.error), fine.unwrap()) == (ValueError, 3)
    assert not isinstance(failed.error, StepTimeoutError)
    assert capsys.readouterr().err.count("--- Logging error ---") == 4

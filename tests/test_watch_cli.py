"""The command line warns of blocked loops, and its logs name steps, unless told otherwise."""

from __future__ import annotations

import io
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from trioflow import open_engine
from trioflow._cli.errors import UsageError
from trioflow._cli.instruments import StepLogs, own_instruments
from trioflow.instruments import BlockWatch

pytestmark = pytest.mark.slow


FLOWS = """
import logging
import threading

from trioflow import Workflow, step

told = threading.Event()


def note(record):
    told.set()
    return True


@step
async def blocks(value: object) -> bool:
    logging.getLogger("app").warning("ham")
    logging.getLogger("trioflow").addFilter(note)
    return told.wait(60)


flow = Workflow("flow").then(blocks)
"""


def test_a_step_that_blocks_is_told_on_standard_error_and_its_logs_name_it(tmp_path: Path) -> None:
    (tmp_path / "demo_blocks.py").write_text(FLOWS)

    done = subprocess.run(
        [sys.executable, "-m", "trioflow", "run", "demo_blocks:flow"],
        cwd=tmp_path,
        env={**os.environ, "TRIOFLOW_BLOCK_SECONDS": "0.05"},
        capture_output=True,
        text=True,
        check=True,
    )

    run_id = re.search(r"start +flow run (\S+)", done.stdout)
    assert run_id is not None
    about = f"trioflow: step 'blocks' of run {run_id[1]}"
    assert f"WARNING app: ham (step blocks, run {run_id[1]})\n" in done.stderr
    assert re.search(
        f'^{about} has blocked the event loop for .*\n.*demo_blocks.py", line 19, in blocks\n',
        done.stderr,
        re.MULTILINE,
    )
    assert f"\n{about} blocked the event loop for " in done.stderr


def test_the_time_can_be_set_and_the_warnings_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    def times() -> list[float]:
        return [found.seconds for found in own_instruments() if isinstance(found, BlockWatch)]

    monkeypatch.delenv("TRIOFLOW_BLOCK_SECONDS", raising=False)
    assert times() == [0.5]
    monkeypatch.setenv("TRIOFLOW_BLOCK_SECONDS", "2")
    assert times() == [2.0]
    monkeypatch.setenv("TRIOFLOW_BLOCK_SECONDS", "0")
    assert times() == []


@pytest.mark.parametrize("text", ["soon", "-1", "inf", "nan"])
def test_a_time_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("TRIOFLOW_BLOCK_SECONDS", text)

    with pytest.raises(UsageError, match=f"must be a number of seconds.*{text}"):
        own_instruments()


async def test_the_handler_of_last_resort_is_given_back() -> None:
    before = logging.lastResort
    async with open_engine(plugins=[], instruments=[StepLogs()]):
        assert logging.lastResort is not before

    assert logging.lastResort is before


async def test_a_record_that_cannot_be_written_does_not_end_the_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with open_engine(plugins=[], instruments=[StepLogs()]):
        handler = logging.lastResort
        assert handler is not None
        wrong = logging.LogRecord("app", logging.WARNING, __file__, 1, "%d", ("ham",), None)
        right = logging.LogRecord("app", logging.WARNING, __file__, 1, "ham", (), None)
        monkeypatch.setattr(sys, "stderr", stderr := io.StringIO())
        handler.handle(wrong)
        handler.handle(right)

    text = stderr.getvalue()
    assert "--- Logging error ---" in text
    assert text.endswith("\nWARNING app: ham\n")

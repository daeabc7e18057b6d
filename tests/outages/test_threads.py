"""Threads that cannot be started, under many runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.outages.ticking import RUNS, Ticking
from trioflow import open_engine
from trioflow.errors import StoreError

sql = pytest.importorskip("trioflow_sql", reason="trioflow-sql is not installed")
pytestmark = pytest.mark.slow


@contextmanager
def no_more_threads() -> Generator[None, None, None]:
    """Let no thread start, and none be used again that has done its work.

    A limit of the system would not do: it says nothing to root, which tests often are, and counts
    what other programs of a user have.
    """

    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("can't start new thread")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        patch.setattr("trio._threads.start_thread_soon", refuse)
        yield


async def test_runs_go_on_without_new_threads_and_recovery_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "trioflow")
    url, ticking = f"sqlite:{tmp_path / 'runs.db'}", Ticking(seconds=0.4)
    flows = [ticking.workflow]
    async with open_engine(store=url, workflows=flows, recover=True) as engine:
        for number in range(RUNS // 2):
            engine.submit("ticking", 0, run_id=f"run-{number}")
        async with open_engine(store=url, workflows=flows) as other:
            for number in range(RUNS // 2):
                other.submit("ticking", 0, run_id=f"interrupted-{number}")
            await trio.sleep(0.5)
            threads = no_more_threads()
            threads.__enter__()
        try:
            await trio.sleep(3)
            with pytest.raises(StoreError, match="cannot start a thread") as caught:
                await engine.load_run("interrupted-1")
        finally:
            threads.__exit__(None, None, None)
        assert caught.value.transient
        found = await ticking.check(engine)
    assert "could not be searched" in caplog.text
    assert (found["crashes"], found["interruptions"]) == (0, RUNS // 2)


async def test_a_store_cannot_be_opened_without_a_thread_and_can_be_later(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'runs.db'}"
    with no_more_threads(), pytest.raises(StoreError, match="cannot start a thread") as caught:
        async with open_engine(store=url):
            raise AssertionError
    assert caught.value.transient
    async with open_engine(store=url) as engine:
        assert engine.store is not None
        assert await engine.store.list_runs() == []

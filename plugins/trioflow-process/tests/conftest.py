"""What all tests share: workers can import the steps, and ``async def`` tests run on Trio.

A worker has the ``sys.path`` of the process that starts it, so the folder of ``process_steps``
has to be on it.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_trio.enable_trio_mode import *  # type: ignore[import-untyped]  # noqa: F403

sys.path.append(str(Path(__file__).parents[1]))


@pytest.fixture(autouse=True)
def workers_do_not_import_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers import the main module, which here is pytest: that doubles the time they take."""
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "__spec__", None)
    monkeypatch.delattr(main, "__file__", raising=False)


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    """Every test ends all workers."""
    yield
    assert multiprocessing.active_children() == []

"""Bodies in worker processes ask questions and start runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from process_steps import questions, values
from process_steps.engines import open_workers, workflow

from trioflow import Workflow
from trioflow.errors import InvalidValueError


async def test_a_body_is_unwound_and_its_worker_is_free(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    async with open_workers() as engine:
        run = engine.create_run(workflow(questions.ask_twice))
        suspended = await run.start(str(notes))
        assert suspended.suspend_payload == {"ask_twice": {"file": str(notes)}}
        assert notes.read_text() == "ended "
        other = await engine.create_run(workflow(values.plain)).start(1)
        assert other.status == "success"

        with pytest.raises(InvalidValueError):
            await run.resume({}, label="first")
        again = await run.resume({"by": "Ada"}, label="first")
        assert again.suspend_payload == {"ask_twice": "sure?"}
        result = await run.resume(True)

    assert result.unwrap() == [questions.Verdict("Ada"), True]
    assert notes.read_text() == "ended ended ended "


async def test_questions_of_a_nursery_are_asked_together() -> None:
    async with open_workers() as engine:
        run = engine.create_run(workflow(questions.ask_together))
        assert (await run.start(None)).resume_labels.keys() == {"a", "b"}
        await run.resume(False, label="b")
        result = await run.resume(True, label="a")

    assert result.unwrap() == {"a": True, "b": False}


async def test_a_body_starts_a_run_of_the_engine() -> None:
    child: Workflow[Any, Any] = Workflow("child", input=int)
    async with open_workers(workflows=[child]) as engine:
        id = (await engine.submit(workflow(questions.begin)).wait()).unwrap()

        assert (await engine.get_run(id).wait()).input == 3

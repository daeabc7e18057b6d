"""Workflows of the tests."""

from __future__ import annotations

from typing import Any

from trioflow import Engine, Step, Workflow


def flow(*steps: Step[Any, Any], **options: Any) -> Workflow[Any, Any]:
    made = Workflow[Any, Any]("flow", **options)
    for step in steps:
        made = made.then(step)
    return made


async def start(engine: Engine, body: Step[Any, Any], value: Any, **options: Any) -> Any:
    return await engine.create_run(flow(body)).start(value, **options)

"""``trioflow run``: run a workflow, show it, and say how it ended."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import trio

from trioflow.api import open_engine
from trioflow.cli.display import Display, can_draw, say
from trioflow.cli.errors import (
    EXIT_CODES,
    UsageError,
    canceled_steps,
    explain,
    explain_failure,
)
from trioflow.cli.inputs import read_context, read_value
from trioflow.cli.jsonl import JsonDisplay
from trioflow.cli.output import Output, exclusive_stdout
from trioflow.cli.plain import PlainDisplay
from trioflow.cli.signals import interruptible
from trioflow.cli.targets import import_workflow, is_in_module, known_workflow
from trioflow.cli.text import clean, preview
from trioflow.engine.run import Run
from trioflow.errors import InvalidValueError
from trioflow.results import RunResult

if TYPE_CHECKING:
    from cattrs import Converter


async def run_target(
    target: str, input_text: str | None, context: Sequence[str], as_json: bool
) -> int:
    """Run a workflow and show it on standard output; return the exit code.

    Raises:
      TrioflowError: if target, input or context are wrong, or a plugin is broken.
      OSError: if standard output cannot be written to; the run is then canceled. May be in
        a group.
    """
    value = None if input_text is None else read_value(input_text, "--input")
    entries = read_context(context)
    workflow = import_workflow(target) if is_in_module(target) else None
    async with open_engine() as engine:
        if workflow is None:
            workflow = known_workflow(target, engine.workflows)
        run = engine.create_run(workflow)
        with open_display(as_json, engine.converter) as display:
            try:
                return await watch(run, value, entries, display)
            except InvalidValueError as exc:
                if input_text is None:
                    raise UsageError(f"{explain(exc)}\ngive it with --input JSON") from exc
                raise


async def watch(
    run: Run[Any, Any], value: Any, context: Mapping[str, Any], display: Display
) -> int:
    """Run a workflow, show it and its result, and return the exit code."""

    def stop(reason: str) -> None:
        display.stopping(reason)
        run.cancel(reason)

    with interruptible(stop) as interruption:
        result = await follow(run, value, context, display)
    if result.status == "success":
        await display.show_result(result.result)
    else:
        report(result)
        if interruption.exit_code is not None:
            return interruption.exit_code
    return EXIT_CODES[result.status]


async def follow(
    run: Run[Any, Any], value: Any, context: Mapping[str, Any], display: Display
) -> RunResult[Any]:
    """Run a workflow to its end, one way or another, and show every event."""

    async def attend() -> None:
        await display.attend()
        run.cancel("nobody reads the output any more")

    async with run.stream(value, runtime_context=context) as stream:
        async with trio.open_nursery() as nursery:
            with display.shown():
                nursery.start_soon(attend)
                async for event in stream:
                    await display.show(event)
            nursery.cancel_scope.cancel()
        return await stream.get_workflow_state()


@contextmanager
def open_display(as_json: bool, converter: Converter) -> Iterator[Display]:
    """Choose how a run is shown, by what was asked for and where it goes."""
    if as_json:
        with exclusive_stdout() as output:
            yield JsonDisplay(output, converter)
    elif can_draw(sys.stdout):
        from trioflow.cli.live import LiveDisplay

        yield LiveDisplay(converter)
    else:
        yield PlainDisplay(Output(sys.stdout.fileno(), sys.stdout.encoding), converter)


def report(result: RunResult[Any]) -> None:
    """Say on standard error how a run ended that did not end well."""
    match result.status:
        case "failed":
            text = explain_failure(result)
        case "canceled":
            stopped = ", ".join(canceled_steps(result)) or "nothing was running"
            text = f"{result.reason or 'the run was canceled'}; canceled: {stopped}"
        case _:
            places = ", ".join(".".join(path) for path in result.suspended)
            text = f"suspended at {places}: {preview(result.suspend_payload)}"
    say(clean(text))

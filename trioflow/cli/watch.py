"""``trioflow run``: run a workflow, show it, and say how it ended."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import trio

from trioflow.api import open_engine
from trioflow.cli.display import Display, can_draw, say
from trioflow.cli.errors import (
    BROKEN_PIPE,
    EXIT_CODES,
    SUCCESS,
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
      OSError: if standard output cannot be written to, for another reason than that nobody
        reads it; the run is then canceled. May be in a group.
    """
    # First of all: what is imported from here on may print.
    with exclusive_stdout() if as_json else nullcontext() as output:
        value = None if input_text is None else read_value(input_text, "--input")
        entries = read_context(context)
        workflow = import_workflow(target) if is_in_module(target) else None
        async with open_engine() as engine:
            if workflow is None:
                workflow = known_workflow(target, engine.workflows)
            display = choose_display(output, engine.converter)
            try:
                return await watch(engine.create_run(workflow), value, entries, display)
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
    if result is None:
        return interruption.exit_code or BROKEN_PIPE
    if result.status == "success":
        await display.show_result(result.result)
        return SUCCESS
    report(result)
    return interruption.exit_code or EXIT_CODES[result.status]


async def follow(
    run: Run[Any, Any], value: Any, context: Mapping[str, Any], display: Display
) -> RunResult[Any] | None:
    """Run a workflow to its end and show every event; None if nobody reads them any more.

    The run is then canceled, and its clean-up waited for.
    """

    async def attend() -> None:
        await display.attend()
        run.cancel("nobody reads the output any more")

    async with run.stream(value, runtime_context=context) as stream:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(attend)
            try:
                with display.shown():
                    async for event in stream:
                        await display.show(event)
            except BrokenPipeError:
                return None
            finally:
                nursery.cancel_scope.cancel()
        return await stream.get_workflow_state()


def choose_display(exclusive: Output | None, converter: Converter) -> Display:
    """Choose how a run is shown: by what was asked for, and by where it goes."""
    if exclusive is not None:
        return JsonDisplay(exclusive, converter)
    if can_draw(sys.stdout):
        from trioflow.cli.live import LiveDisplay

        return LiveDisplay(converter)
    return PlainDisplay(Output(sys.stdout.fileno(), sys.stdout.encoding), converter)


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

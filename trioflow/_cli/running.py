"""``trioflow run``: run a workflow and watch it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

from trioflow._cli.errors import UsageError, explain
from trioflow._cli.inputs import read_context, read_value
from trioflow._cli.instruments import own_instruments
from trioflow._cli.output import exclusive_stdout
from trioflow._cli.stores import find_store
from trioflow._cli.targets import import_workflow, is_in_module, known_workflow
from trioflow._cli.watch import choose_display, watch
from trioflow.engine import open_engine
from trioflow.errors import InvalidValueError


async def run_target(
    target: str,
    input_text: str | None,
    context: Sequence[str],
    as_json: bool,
    store_url: str | None = None,
) -> int:
    """Run a workflow and show it on standard output; return the exit code.

    Raises:
      TrioflowError: if target, input or context are wrong, or a plugin is broken.
      StoreError: if the run cannot be saved.
      OSError: if standard output cannot be written to, for another reason than that nobody
        reads it; the run is then ended. May be in a group.
    """
    # First of all: what is imported from here on may print.
    with exclusive_stdout() if as_json else nullcontext() as output:
        value = None if input_text is None else read_value(input_text, "--input")
        entries = read_context(context)
        in_module = is_in_module(target)
        kept = find_store(store_url, target if in_module else None)
        workflow = import_workflow(target) if in_module else None
        store = kept.store if kept else None
        async with open_engine(store=store, instruments=own_instruments()) as engine:
            if workflow is None:
                workflow = known_workflow(target, engine.workflows)
            run = engine.create_run(workflow)
            open_stream = partial(run.stream, value, runtime_context=entries)
            display = choose_display(output, engine.converter, run)
            try:
                return await watch(open_stream, display, kept)
            except InvalidValueError as exc:
                if input_text is None:
                    raise UsageError(
                        f"{explain(exc)}\n{_how_to_give(run._life.plan.structure_input)}"
                    ) from exc
                raise


def _how_to_give(structure: Callable[[Any], Any] | None) -> str:
    """Say how to give an input to a workflow that was given none."""
    try:
        if structure is not None:
            structure({})
    except InvalidValueError:
        return "give it with --input JSON"
    return "give it with --input JSON; --input '{}' would do"

"""``trioflow run``: runs a workflow and shows its progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import attrs

from trioflow._cli.errors import UsageError, explain
from trioflow._cli.existing import report_existing
from trioflow._cli.inputs import read_context, read_limits, read_value
from trioflow._cli.instruments import own_instruments
from trioflow._cli.output import Output, exclusive_stdout
from trioflow._cli.stores import Whereabouts, find_run, find_store, find_values
from trioflow._cli.targets import import_workflow, is_in_module, known_workflow, plugins_with
from trioflow._cli.times import read_duration
from trioflow._cli.watch import choose_display, watch
from trioflow.engine import Engine, open_engine
from trioflow.errors import DuplicateRunError, InvalidValueError
from trioflow.workflow import Workflow


@attrs.frozen(kw_only=True)
class Options:
    """The options of ``trioflow run``. Values are JSON, ``@FILE`` or ``-``."""

    input: str | None = None
    context: Sequence[str] = ()
    state: str | None = None
    store: str | None = None
    run_id: str | None = None
    resource: str | None = None
    limits: Sequence[str] = ()
    timeout: str | None = None
    as_json: bool = False


async def run_target(target: str, options: Options) -> int:
    """Run a workflow and show it on standard output; return the exit code.

    Raises:
      TrioflowError: if target or options are wrong, or a plugin is broken.
      StoreError: if the run cannot be saved.
      OSError: if writing to standard output fails, unless its reader has gone; the run is then
        stopped. May be in a group.
    """
    # This comes first, because imports from here on may print.
    with exclusive_stdout() if options.as_json else nullcontext() as output:
        given = _read(options)
        limits = read_limits(options.limits)
        in_module = is_in_module(target)
        kept = find_store(options.store, target if in_module else None, options.limits)
        workflow = import_workflow(target) if in_module else None
        store = kept.store if kept else None
        # Only an existing run is loaded, which needs the workflow by its id.
        named = [workflow] if workflow is not None and options.run_id is not None else []
        async with open_engine(
            store=store,
            plugins=plugins_with([target]),
            workflows=named,
            limits=limits,
            values=find_values(),
            instruments=own_instruments(),
        ) as engine:
            if workflow is None:
                workflow = known_workflow(target, engine.workflows)
            return await _run(engine, workflow, options, given, kept, output)


def _read(options: Options) -> dict[str, Any]:
    """Return the arguments that start the run."""
    given: dict[str, Any] = {"runtime_context": read_context(options.context)}
    if options.input is not None:
        given["input_data"] = read_value(options.input, "--input")
    if options.state is not None:
        given["initial_state"] = read_value(options.state, "--state")
    if options.timeout is not None:
        given["timeout"] = read_duration(options.timeout, "--timeout", above_zero=True)
    return given


async def _run(
    engine: Engine,
    workflow: Workflow[Any, Any],
    options: Options,
    given: dict[str, Any],
    kept: Whereabouts | None,
    output: Output | None,
) -> int:
    run_id = options.run_id
    run = engine.create_run(workflow, run_id=run_id, resource_id=options.resource)
    display = choose_display(output, engine.converter, run)
    if run_id is not None and kept is not None and engine.store is not None:
        stored = await engine.store.get(run_id)
        if stored is not None:
            return await report_existing(engine, stored, display, kept)
    try:
        return await watch(partial(run.stream, **given), display, kept)
    except DuplicateRunError:  # another process started it first
        if kept is None or engine.store is None or run_id is None:
            raise
        stored = await find_run(engine.store, run_id)
        return await report_existing(engine, stored, display, kept)
    except InvalidValueError as exc:
        if options.input is None and exc.what == "input":
            remedy = _how_to_give(run._life.plan.structure_input)
            raise UsageError(f"{explain(exc)}\n{remedy}") from exc
        raise


def _how_to_give(structure: Callable[[Any], Any] | None) -> str:
    """Return a hint how to pass the missing input to a workflow."""
    try:
        if structure is not None:
            structure({})
    except InvalidValueError:
        return "pass it with --input JSON"
    return "pass it with --input JSON; --input '{}' is enough"

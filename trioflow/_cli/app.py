"""The commands as cyclopts sees them. Each imports its implementation when it is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, CycloptsError, UnusedCliTokensError

from trioflow._cli.arguments import JsonText, Target
from trioflow._cli.asked import ASKING_COMMANDS
from trioflow._cli.enqueued import ENQUEUING_COMMANDS
from trioflow._cli.filters import Flag
from trioflow._cli.scheduled import SCHEDULES
from trioflow._cli.stored import STORED_COMMANDS
from trioflow._version import __version__
from trioflow.errors import suggest

if TYPE_CHECKING:
    from rich.text import Text

INSTALL = "--install-completion"
COMPLETE = "__complete"
"""The command with which the scripts of shells ask for words; cyclopts runs it."""


def make_app() -> App:
    """Return the command line with the built-in commands."""
    app = App(
        name="trioflow",
        help="Run workflows, manage stored runs, and list what plugins provide.",
        version=__version__,
        help_format="plaintext",  # the default would import a Markdown parser
        backend="trio",
        suppress_keyboard_interrupt=False,
        result_action="print_non_int_return_int_as_exit_code",
        error_formatter=_format_error,
    )
    for command in COMMANDS:
        app.command(command)
    app.command(SCHEDULES)
    app.command(install_completion, name=INSTALL)
    return app


def is_built_in(tokens: Sequence[str]) -> bool:
    """Return whether a command line can be parsed without the commands of plugins."""
    own = ["--version", INSTALL, *SCHEDULES.name, *(command.__name__ for command in COMMANDS)]
    if tokens and tokens[0] == COMPLETE:
        tokens = tokens[1:]
    return bool(tokens) and tokens[0] in own


def _format_error(error: CycloptsError) -> Text:
    from rich.text import Text

    chain, problem = tuple(error.command_chain or ()), str(error)
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        problem = _unexpected(error.unused_tokens[0], chain)
    return Text(f"trioflow: {problem}\ntry: {' '.join(('trioflow', *chain))} --help")


def _unexpected(token: str, chain: tuple[str, ...]) -> str:
    """Return what is wrong with an argument that a command does not take."""
    if chain == tuple(SCHEDULES.name):
        known = [name for name in SCHEDULES if not name.startswith("-")]
        return f"unknown command {token!r}; {suggest(token, known, ', '.join(known))}"
    return f"unexpected argument {token!r}"


async def run(
    target: Target,
    /,
    *,
    input: JsonText = None,
    context: Annotated[list[str] | None, Flag] = None,
    state: JsonText = None,
    limit: Annotated[list[str] | None, Flag] = None,
    timeout: str | None = None,
    run_id: str | None = None,
    resource: str | None = None,
    json: Annotated[bool, Flag] = False,
    store: str | None = None,
) -> int:
    """Run a workflow and show its progress.

    Exit codes: 0 success, 1 failed, 2 usage or bad input, 3 suspended, 130 interrupted.
    With a store, a run that is suspended or interrupted can be resumed; the command to do so
    is printed. Hooks that MODULE defines with @trioflow.hookimpl, such as resources and limits,
    are used as those of a plugin are. While a step blocks the event loop, this is reported on
    standard error after TRIOFLOW_BLOCK_SECONDS (default 0.5; 0 disables).

    Parameters
    ----------
    target
        Id of an installed workflow, or MODULE:ATTR of your own workflow.
    input
        The input: JSON, @FILE with JSON, or - for JSON on standard input.
    context
        An entry of the runtime context: KEY=STRING, a JSON object, or @FILE with one.
        May be repeated.
    state
        The initial state of the workflow: JSON, @FILE with JSON, or - for standard input.
    limit
        Maximum number of steps with this limit at once: NAME=NUMBER. May be repeated.
    timeout
        Time limit of the whole run: seconds, or a number with s, m, h, d or w.
    run_id
        Id of the run. If the store has a run with this id, that run is reported
        instead of starting one, and the exit code is that of its status.
    resource
        The resource (user, tenant, ...) that the run belongs to.
    json
        Print one event per line as JSON, and nothing else, on standard output.
    store
        URL of the store, such as sqlite:runs.db; default: $TRIOFLOW_STORE.
    """
    from trioflow._cli.running import Options, run_target

    options = Options(
        input=input,
        context=context or (),
        state=state,
        limits=limit or (),
        timeout=timeout,
        run_id=run_id,
        resource=resource,
        as_json=json,
        store=store,
    )
    return await run_target(target, options)


def steps() -> None:
    """List the steps that plugins provide."""
    from trioflow._cli.listings import print_steps

    print_steps()


def tools() -> None:
    """List the tools that plugins provide."""
    from trioflow._cli.listings import print_tools

    print_tools()


def workflows() -> None:
    """List the workflows that plugins provide."""
    from trioflow._cli.listings import print_workflows

    print_workflows()


def plugins() -> int:
    """List the installed plugins, what they provide, and which are broken.

    Exit codes: 0 if all plugins work, 1 if any is broken.
    """
    from trioflow._cli.listings import print_plugins

    return print_plugins()


def graph(
    target: Target,
    /,
    *,
    mermaid: Annotated[bool, Flag] = False,
    svg: str | None = None,
) -> int | None:
    """Print a workflow as a tree, or draw it.

    Parameters
    ----------
    target
        Id of an installed workflow, or MODULE:ATTR of your own workflow.
    mermaid
        Print the source of a Mermaid diagram instead.
    svg
        Write an SVG drawing to this file instead; needs trioflow-pictures.
    """
    if svg is not None:
        from trioflow._cli.plugged import draw_graph

        return draw_graph(target, svg)
    from trioflow._cli.listings import print_graph

    print_graph(target, mermaid)
    return None


def install_completion(*, shell: Literal["bash", "zsh", "fish"] | None = None) -> None:
    """Install completion of commands, options and ids in the user's shell.

    Parameters
    ----------
    shell
        The shell; default: the one that runs this command.
    """
    from trioflow._cli.completing import install

    install(shell)


COMMANDS: tuple[Callable[..., object], ...] = (
    *(run, steps, tools, workflows, plugins, graph),
    *ENQUEUING_COMMANDS,
    *STORED_COMMANDS,
    *ASKING_COMMANDS,
)
"""The built-in commands."""

"""From the arguments of a process to its exit code, whatever happens in between."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence

from cyclopts import App

from trioflow._cli.app import is_built_in, make_app
from trioflow._cli.display import say
from trioflow._cli.errors import BROKEN_PIPE, FAILED, INTERRUPTED, USAGE, explain
from trioflow._cli.plugged import KNOWN_PLUGINS, check_command
from trioflow._host.plugins import PluginHost
from trioflow.errors import (
    JournalConflictError,
    JournalFormatError,
    NotSerializableError,
    StoreError,
    StoreMissingError,
    TrioflowError,
)


def run_app(tokens: Sequence[str]) -> int:
    """Run a command and return its exit code."""
    _prepare_streams()
    return exit_code_of(lambda: _call(tokens))


def exit_code_of(command: Callable[[], int]) -> int:
    """Call *command*, and turn what it raises into a message and an exit code."""
    try:
        try:
            code = command()
            sys.stdout.flush()
            return code
        except BaseExceptionGroup as group:
            raise _only_member(group) from group
    except SystemExit as exc:
        if isinstance(exc.__context__, BrokenPipeError):  # rich gives up like this
            return BROKEN_PIPE
        return exc.code if isinstance(exc.code, int) else USAGE
    except StoreMissingError as exc:
        say(explain(exc))
        return USAGE
    except (StoreError, JournalConflictError, JournalFormatError, NotSerializableError) as exc:
        say(explain(exc))  # nothing that was typed is wrong
        return FAILED
    except TrioflowError as exc:
        say(explain(exc))
        return USAGE
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        _forget_stdout()
        return BROKEN_PIPE
    except OSError as exc:
        say(f"cannot go on: {exc}")
        return FAILED


def _call(tokens: Sequence[str]) -> int:
    app = make_app()
    if not is_built_in(tokens):
        _add_plugin_commands(app, tokens)
    code: int = app(list(tokens))
    return code


def _add_plugin_commands(app: App, tokens: Sequence[str]) -> None:
    """Let plugins add their commands; a broken plugin must not take the help away."""
    command = tokens[0] if tokens else ""
    try:
        PluginHost().add_commands(app)
    except TrioflowError as exc:
        if command in KNOWN_PLUGINS:  # it may be installed, and is missing for this reason
            raise
        say(explain(exc))
    check_command(app, command, command)


def _only_member(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return what is in a group of one; Trio wraps what leaves a nursery."""
    inner: BaseException = group
    while isinstance(inner, BaseExceptionGroup) and len(inner.exceptions) == 1:
        inner = inner.exceptions[0]
    return inner


def _prepare_streams() -> None:
    """Make standard output and error something that can always be written to."""
    if sys.stdout is None or sys.stderr is None:  # closed by who started the process
        nowhere = open(os.devnull, "w")  # noqa: SIM115 - open for as long as the process
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A sign that the terminal does not have must not end the program, and what
            # steps print must come between the lines that it belongs to.
            stream.reconfigure(errors="backslashreplace", line_buffering=True)


def _forget_stdout() -> None:
    """Let the interpreter's last flush have something to write to."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)

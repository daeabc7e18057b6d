"""Runs a command, and turns its errors into messages and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from trioflow._cli.app import is_built_in, make_app
from trioflow._cli.display import say
from trioflow._cli.errors import BROKEN_PIPE, FAILED, INTERRUPTED, USAGE, explain
from trioflow._cli.plugged import add_commands, check_command
from trioflow._cli.streams import forget_stdout
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
        if isinstance(exc.__context__, BrokenPipeError):  # rich exits like this
            return BROKEN_PIPE
        return exc.code if isinstance(exc.code, int) else USAGE
    except StoreMissingError as exc:
        say(explain(exc))
        return USAGE
    except (StoreError, JournalConflictError, JournalFormatError, NotSerializableError) as exc:
        say(explain(exc))  # the command line itself is correct
        return FAILED
    except TrioflowError as exc:
        say(explain(exc))
        return USAGE
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        forget_stdout()
        return BROKEN_PIPE
    except OSError as exc:
        say(f"error: {exc}")
        return FAILED


def _call(tokens: Sequence[str]) -> int:
    app = make_app()
    if not is_built_in(tokens):
        command = tokens[0] if tokens else ""
        add_commands(app, command)
        check_command(app, command, command)
    code: int = app(list(tokens))
    return code


def _only_member(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Unwrap groups of one: Trio wraps every exception that leaves a nursery."""
    inner: BaseException = group
    while isinstance(inner, BaseExceptionGroup) and len(inner.exceptions) == 1:
        inner = inner.exceptions[0]
    return inner

"""The command line ``trioflow``. It needs the extra ``cli``; no other module imports it.

Imports at module level run before an error can be reported, so there are almost none.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from trioflow._cli.streams import forget_stdout, prepare_streams
from trioflow._version import __version__

FAILED = 1
USAGE = 2
INTERRUPTED = 130
BROKEN_PIPE = 141


def main(tokens: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
      tokens: The arguments; default: those of the process.
    """
    tokens = sys.argv[1:] if tokens is None else tokens
    prepare_streams()
    try:
        if list(tokens) == ["--version"]:
            return _print_version()
        from trioflow._cli.entry import run_app
    except KeyboardInterrupt:  # during an import
        print("trioflow: interrupted", file=sys.stderr)
        return INTERRUPTED
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] not in ("cyclopts", "rich"):
            raise
        print(
            "trioflow: the command line needs cyclopts and rich; "
            "install them with: pip install 'trioflow[cli]'",
            file=sys.stderr,
        )
        return USAGE
    return run_app(tokens)


def _print_version() -> int:
    """Print the version without building the app, whose imports would take most of the time."""
    try:
        print(__version__, flush=True)
    except BrokenPipeError:
        forget_stdout()
        return BROKEN_PIPE
    except OSError as exc:
        print(f"trioflow: error: {exc}", file=sys.stderr)
        forget_stdout()
        return FAILED
    return 0

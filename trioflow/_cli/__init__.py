"""The command line ``trioflow``. It needs the extra ``cli``; nothing else imports this."""

from __future__ import annotations

import sys
from collections.abc import Sequence

USAGE = 2


def main(tokens: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
      tokens: The arguments; those of the process if not given.
    """
    try:
        from trioflow._cli.entry import run_app
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] not in ("cyclopts", "rich"):
            raise
        print(
            "trioflow: the command line needs cyclopts and rich; "
            "install them with: pip install 'trioflow[cli]'",
            file=sys.stderr,
        )
        return USAGE
    return run_app(sys.argv[1:] if tokens is None else tokens)

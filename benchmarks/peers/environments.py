"""Virtual environments, one for each engine, made once and kept in a folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import trio

from benchmarks.peers.engines import Engine

INSTALLING_SECONDS = 600
"""How long the installation of one engine may take."""


class UnavailableError(Exception):
    """Raised when an engine cannot be measured here; the text says why."""


def default_folder() -> Path:
    """Return where the caches of this user are."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache, "trioflow-peers")


async def python_for(engine: Engine, folder: Path) -> Path:
    """Return the interpreter of an engine's environment, which is made if it is not there yet.

    Raises:
      UnavailableError: if its packages cannot be installed.

    **Cancellation**: an environment that is not whole is made anew the next time.
    """
    if not engine.requirements:
        return Path(sys.executable)
    environment = folder / engine.id
    python = environment / "bin" / "python"
    marker = environment / "installed.txt"
    wanted = "\n".join((sys.version, *engine.requirements))
    if not marker.exists() or marker.read_text() != wanted:
        shutil.rmtree(environment, ignore_errors=True)
        print(f"installing {', '.join(engine.requirements)} ...", file=sys.stderr, flush=True)
        with trio.move_on_after(INSTALLING_SECONDS) as scope:
            await _run([sys.executable, "-m", "venv", str(environment)])
            await _run([str(python), "-m", "pip", "install", "--quiet", *engine.requirements])
            marker.write_text(wanted)
        if scope.cancelled_caught:
            raise UnavailableError(f"not installed within {INSTALLING_SECONDS} s")
    return python


async def _run(command: Sequence[str]) -> None:
    done = await trio.run_process(
        command, stdout=subprocess.DEVNULL, capture_stderr=True, check=False
    )
    if done.returncode:
        raise UnavailableError("cannot be installed: " + last_line(done.stderr.decode()))


def last_line(text: str) -> str:
    """Return what a program said in the end."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"

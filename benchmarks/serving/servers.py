"""The servers that are measured: what has to be installed, and how each is started."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

import attrs

from benchmarks.measure import UnavailableError

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).parent / "programs"
INSTALLING_SECONDS = 900
PACKAGES = ("@mastra/core@1.71.0", "@mastra/deployer@1.69.0", "zod@4")
"""What npm installs: the recorded version of Mastra, and its own server."""
REQUIREMENTS = ("llama-agents-server==0.8.0", "llama-index-workflows==2.26.1")
"""What pip installs: LlamaIndex's server of workflows."""


@attrs.frozen
class Running:
    """A server in a process of its own."""

    host: str
    """``ADDRESS:PORT``."""
    pid: int

    @property
    def resident(self) -> int:
        """Bytes of memory that the process has now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def ours(folder: Path) -> list[str]:
    """Return the command that starts trioflow's server."""
    try:
        version("trioflow-server")
    except ImportError as exc:
        raise UnavailableError("trioflow-server is not installed") from exc
    flows = "benchmarks.serving.programs.ours"
    targets = (f"{flows}:ticks", f"{flows}:sums")
    return [sys.executable, "-m", "trioflow", "serve", *targets, "--port", "0"]


def mastra(folder: Path) -> list[str]:
    """Return the command that starts Mastra's server; npm installs it the first time.

    Raises:
      UnavailableError: if it cannot be installed.
    """
    home = folder / "mastra-server"
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise UnavailableError("Node.js and npm are not installed")
    if _is_new(home, PACKAGES):
        (home / "package.json").write_text('{"private": true, "type": "module"}')
        options = ("--no-audit", "--no-fund", "--loglevel=error")
        _install(["npm", "install", *options, *PACKAGES], home)
        _mark(home, PACKAGES)
    return ["node", str(PROGRAMS / "mastra.mjs"), str(home)]


def llama_index(folder: Path) -> list[str]:
    """Return the command that starts LlamaIndex's server; pip installs it the first time.

    Raises:
      UnavailableError: if it cannot be installed.
    """
    home = folder / "llama-index-server"
    python = str(home / "bin" / "python")
    if _is_new(home, REQUIREMENTS):
        _install([sys.executable, "-m", "venv", str(home)], home)
        _install([python, "-m", "pip", "install", "--quiet", *REQUIREMENTS], home)
        _mark(home, REQUIREMENTS)
    return [python, str(PROGRAMS / "llama_index.py")]


SERVERS = {"trioflow": ours, "mastra": mastra, "llama-index": llama_index}


def _is_new(home: Path, wanted: tuple[str, ...]) -> bool:
    """Return whether something must be installed into a folder, which is then made anew."""
    marker = home / "installed.txt"
    if marker.exists() and marker.read_text() == "\n".join(wanted):
        return False
    print(f"installing {', '.join(wanted)} ...", file=sys.stderr, flush=True)
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    return True


def _mark(home: Path, wanted: tuple[str, ...]) -> None:
    (home / "installed.txt").write_text("\n".join(wanted))


def _install(command: list[str], home: Path) -> None:
    try:
        subprocess.run(
            command, cwd=home, check=True, capture_output=True, timeout=INSTALLING_SECONDS
        )
    except subprocess.CalledProcessError as exc:
        said = exc.stderr.decode(errors="replace").strip().splitlines()
        raise UnavailableError(f"cannot be installed: {said[-1] if said else exc}") from exc
    except subprocess.TimeoutExpired as exc:
        raise UnavailableError(f"not installed within {INSTALLING_SECONDS} s") from exc


def _environment() -> Mapping[str, str]:
    # What Mastra reports to others is not to be measured, nor sent.
    return os.environ | {"PYTHONPATH": str(ROOT), "MASTRA_TELEMETRY_DISABLED": "1"}


@contextmanager
def running(command: list[str]) -> Iterator[Running]:
    """Run a server while the block runs; it prints its URL first.

    Raises:
      UnavailableError: if it does not start.
    """
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,  # a group of processes, to be ended together
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline().strip()
            if not line.startswith("http://"):
                errors.seek(0)
                said = errors.read().decode(errors="replace").strip().splitlines()
                raise UnavailableError(f"did not start: {said[-1] if said else 'it said nothing'}")
            yield Running(line.removeprefix("http://"), process.pid)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

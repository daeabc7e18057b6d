"""A process that has imported what programs need, and forks them: ``python forking.py SOCKET``.

Importing the SDK of MCP takes seconds, so most tests fork their programs, and few start them.
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import IO

LONGEST = 1 << 20
"""Most bytes of a request."""
MODULES = (
    "mcp.server.mcpserver",
    "trioflow.commands",
    "trioflow_mcp.opening",
    "trioflow_mcp.serving.command",
    "trioflow_mcp.serving.hosting",
    "trioflow_sql",
)


# ---------------------------------------------------------------- the process
def serve(control: socket.socket) -> None:
    """Fork what is asked for, and wait for what has been forked."""
    while True:
        text, fds, _, _ = socket.recv_fds(control, LONGEST, 3)
        if not text:
            return
        request = json.loads(text)
        if "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            control.send(str(os.waitstatus_to_exitcode(status)).encode())
            continue
        pid = os.fork()
        if pid == 0:
            control.close()
            become(fds, **request)
            return
        for fd in fds:
            os.close(fd)
        control.send(str(pid).encode())


def become(fds: Sequence[int], program: Sequence[str], folder: str, env: dict[str, str]) -> None:
    """Run a program in this process: ``["-m", MODULE, ...]``, or the path of a file and more."""
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
        os.close(fd)
    # Anew, for those of this process are made for what its own are.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - they stay open
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(  # noqa: SIM115
        2, "w", 1, errors="backslashreplace", closefd=False
    )
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    if program[0] == "-m":
        sys.argv, sys.path[0] = [*program[1:]], folder
        runpy.run_module(program[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv, sys.path[0] = [*program], str(Path(program[0]).parent)
        runpy.run_path(program[0], run_name="__main__")


def main(number: int) -> None:
    """Import, and serve."""
    for name in MODULES:
        import_module(name)
    for each in entry_points(group="trioflow"):
        with contextlib.suppress(Exception):  # another plugin, which is not tried here
            each.load()
    with socket.socket(fileno=number) as control:
        serve(control)


# ---------------------------------------------------------------- the tests
class Forked:
    """A forked program: what the tests need of `subprocess.Popen`."""

    def __init__(self, forks: Forks, pid: int, stdin: int, stdout: int, stderr: int) -> None:
        self.pid = pid
        self.stdin: IO[str] = os.fdopen(stdin, "w")
        self.stdout: IO[str] = os.fdopen(stdout)
        self.stderr: IO[str] = os.fdopen(stderr)
        self.returncode: int | None = None
        self._forks = forks

    def send_signal(self, how: int) -> None:
        """Send a signal, if the program has not been waited for."""
        if self.returncode is None:
            os.kill(self.pid, how)

    def kill(self) -> None:
        """Kill the program."""
        self.send_signal(signal.SIGKILL)

    def wait(self) -> int:
        """Wait until the program has ended, and return its exit code."""
        if self.returncode is None:
            self.returncode = self._forks.wait(self.pid)
        return self.returncode

    def communicate(self) -> tuple[str, str]:
        """Close standard input, and return what the program has written when it has ended."""
        errors: list[str] = []
        reading = threading.Thread(target=lambda: errors.append(self.stderr.read()))
        reading.start()
        with contextlib.suppress(BrokenPipeError):
            self.stdin.close()
        out = self.stdout.read()
        reading.join()
        self.wait()
        self.close()
        return out, errors[0]

    def close(self) -> None:
        """Close what is left of the pipes."""
        for each in (self.stdin, self.stdout, self.stderr):
            with contextlib.suppress(BrokenPipeError):
                each.close()


class Forks:
    """Forks programs."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control

    def start(
        self, program: Sequence[str], folder: Path, env: Mapping[str, str] = os.environ
    ) -> Forked:
        """Return a new program, with pipes."""
        request = {"program": [*program], "folder": str(folder), "env": dict(env)}
        (its_in, stdin), (stdout, its_out), (stderr, its_err) = (os.pipe() for _ in range(3))
        theirs = [its_in, its_out, its_err]
        socket.send_fds(self._control, [json.dumps(request).encode()], theirs)
        pid = int(self._control.recv(LONGEST))
        for fd in theirs:
            os.close(fd)
        return Forked(self, pid, stdin, stdout, stderr)

    def wait(self, pid: int) -> int:
        """Wait for a program, and return its exit code."""
        self._control.send(json.dumps({"wait": pid}).encode())
        return int(self._control.recv(LONGEST))


@contextmanager
def open_forks() -> Iterator[Forks]:
    """Start the process in this block."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    number = theirs.fileno()
    process = subprocess.Popen(
        [sys.executable, "-W", "error", __file__, str(number)],
        pass_fds=[number],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    theirs.close()
    with ours:
        yield Forks(ours)
    process.wait()


if __name__ == "__main__":
    main(int(sys.argv[1]))

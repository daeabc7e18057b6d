"""Runs the programs of the transcripts in processes that are forked from one.

Transcripts call ``python`` and ``trioflow`` as readers do, and most of the time of these goes into
imports. So the two names lead to a small program, which hands its arguments, folder, variables and
files to a process that has imported Trio, the command line and the plugins. A fork of that process
becomes the program that was called, and its exit code goes back.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path

import attrs

NAMES = ("python", "trioflow")
LATE = (
    *("jsonschema", "rich.live", "rich.table", "rich.tree", "sqlalchemy.dialects.sqlite"),
    *("trioflow_process.runner", "trioflow_sql.sqlite", "trioflow_sql.store"),
)
"""What is imported when it is needed, and many programs need it."""
CALLER = """\
#!{python} -IS
import json, os, signal, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    words = [os.path.basename(sys.argv[0]), *sys.argv[1:]]
    request = json.dumps([words, os.getcwd(), dict(os.environ)]) + "\\n"
    socket.send_fds(server, [request.encode()], [0, 1, 2])
    code = int(server.makefile().read() or 1)
if code < 0:
    os.kill(os.getpid(), -code)
sys.exit(code)
"""


@attrs.frozen
class Request:
    """A program to become: its words, the folder to be in, all variables, and open files."""

    words: Sequence[str]
    folder: str
    variables: Mapping[str, str]
    files: Sequence[int]


# ---------------------------------------------------------------- in the build
@contextmanager
def open_programs(folder: Path, variables: Mapping[str, str]) -> Iterator[None]:
    """Put programs of `NAMES` into *folder* that work until this is left.

    Args:
      folder: An empty folder, to be the first one of the programs' ``PATH``.
      variables: Of the environment, in which everything is imported.
    """
    address = str(folder / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        for name in NAMES:
            text = CALLER.format(python=sys.executable, address=address)
            (folder / name).write_text(text, "utf-8")
            (folder / name).chmod(0o755)
        server = subprocess.Popen(
            [sys.executable, __file__, str(listener.fileno())],
            env=dict(variables),
            stdin=subprocess.PIPE,  # whose end is the end of the build, also of one that is killed
            pass_fds=[listener.fileno()],
        )
    with server:
        yield


# ---------------------------------------------------------------- in the process to fork
def import_most() -> None:
    """Import what the programs import, so far as it takes long."""
    for name in ("trioflow", "trioflow._cli", "trioflow.testing"):
        package = importlib.import_module(name)
        for module in pkgutil.iter_modules(package.__path__, f"{name}."):
            if not module.name.endswith(".__main__"):  # which would run
                importlib.import_module(module.name)
    for name in LATE:
        importlib.import_module(name)
    for plugin in entry_points(group="trioflow"):
        if plugin.name != "ray":  # as large as all else, and no page runs it
            plugin.load()
    gc.freeze()  # so that a fork does not copy all this when it collects its own


def wait_request(listener: socket.socket) -> Request | None:
    """Return a request, in a new process, and None in this one when the build is over."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that only pass on
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in ready:
            return None
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return attend(connection)
        connection.close()


def attend(connection: socket.socket) -> Request:
    """Return the request of a caller in another new process; this one passes its exit code on."""
    text, files, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    while not text.endswith(b"\n"):
        text += connection.recv(1 << 20)
    program = os.fork()
    if program == 0:
        connection.close()
        words, folder, variables = json.loads(text)
        return Request(words, folder, variables, files)
    _, status = os.waitpid(program, 0)
    connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def become(request: Request) -> object:
    """Run a program as if this process had been started for it; return its exit code."""
    for number, file in enumerate(request.files):
        os.dup2(file, number)
        os.close(file)
    # The old ones remember what kind of files they were.
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", 1 if "-u" in request.words else -1, closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, errors="backslashreplace", closefd=False)
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.variables)
    name, *words = request.words
    if name == "trioflow":
        sys.argv = [name, *words]
        sys.path.insert(0, str(Path(sys.executable).parent))
        return importlib.import_module("trioflow._cli").main()
    if words[0] == "-u":
        del words[0]
    if words[0].startswith("-"):
        os.execv(sys.executable, [sys.executable, *words])
    sys.argv, script = words, Path(words[0]).absolute()
    sys.path.insert(0, str(script.parent))
    runpy.run_path(str(script), run_name="__main__")
    return 0


def main() -> object:
    """Import, wait for requests, and become what is asked for."""
    del sys.path[0]  # that of this file, which no program has
    listener = socket.socket(fileno=int(sys.argv[1]))
    import_most()
    request = wait_request(listener)
    return None if request is None else become(request)


if __name__ == "__main__":
    sys.exit(main())  # type: ignore[arg-type]

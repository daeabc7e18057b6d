"""Databases to measure on: a file, and a PostgreSQL server of our own, both gone afterwards.

A commit is on disk when it returns, with both: a write-ahead log with ``synchronous=FULL``, and
a server with the settings that it comes with.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Literal

import attrs

from benchmarks.measure import UnavailableError

Kind = Literal["sqlite", "postgres"]
PROGRAMS = ("initdb", "postgres")
STARTING_SECONDS = 60


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="trioflow-") as path:
        yield Path(path)


@contextmanager
def new_database(kind: Kind) -> Iterator[str]:
    """Yield the URL of an empty database for a store.

    Raises:
      UnavailableError: if there is no PostgreSQL on this machine.
    """
    if kind == "sqlite":
        with folder() as path:
            yield f"sqlite:{path / 'runs.db'}"
        return
    server = running_server()
    name = f"b{os.urandom(4).hex()}"
    server.execute(f"CREATE SCHEMA {name}")  # a new database would take much longer
    try:
        yield f"{server.url}&options=-csearch_path%3D{name}"
    finally:
        server.execute(f"DROP SCHEMA {name} CASCADE")


@attrs.frozen
class Server:
    """A PostgreSQL server that only this user, and root, can reach."""

    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"postgresql://trioflow@/postgres?host={self.folder}"

    def execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=STARTING_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)


@cache
def running_server() -> Server:
    """Return a server that runs until this process ends.

    Raises:
      UnavailableError: if it is not installed, or does not start.
    """
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        raise UnavailableError(f"a PostgreSQL server is not installed: no {', '.join(missing)}")
    path = Path(tempfile.mkdtemp(prefix="trioflow-"))
    as_user = _unprivileged()
    if as_user:
        shutil.chown(path, as_user["user"], as_user["group"])
    initdb = ["initdb", "-D", str(path / "data"), "-U", "trioflow", "-A", "trust", "-E", "UTF8"]
    subprocess.run([*initdb, "--no-locale"], check=True, capture_output=True, cwd=path, **as_user)
    server = Server(path, _start(path, as_user))
    atexit.register(server.stop)
    _wait_until_ready(server)
    return server


def _start(path: Path, as_user: dict[str, Any]) -> subprocess.Popen[bytes]:
    settings = ("-c", "listen_addresses=", "-c", f"unix_socket_directories={path}")
    command = ["postgres", "-D", str(path / "data"), *settings]
    with (path / "log").open("wb") as log:
        return subprocess.Popen(command, cwd=path, stdout=log, stderr=log, **as_user)


def _wait_until_ready(server: Server) -> None:
    import psycopg

    deadline = time.monotonic() + STARTING_SECONDS
    while True:
        try:
            server.execute("SELECT 1")
        except psycopg.OperationalError as exc:
            if server.process.poll() is not None or time.monotonic() > deadline:
                raise UnavailableError(f"the PostgreSQL server does not start: {exc}") from exc
            time.sleep(0.05)
        else:
            return


def _unprivileged() -> dict[str, Any]:
    """Return how to start a process as somebody who is not root, which the server wants."""
    if os.geteuid() != 0:
        return {}
    names = {user.pw_name: user for user in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

"""What all tests share: storage of each kind, and a real PostgreSQL server for one of them.

The import makes ``async def`` tests run on Trio.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from attrs import define
from psycopg import sql
from pytest_trio.enable_trio_mode import *  # type: ignore[import-untyped]  # noqa: F403

PROGRAMS = ("initdb", "postgres")
PASSWORD = "open/sesame:%40"
"""With all that may be misread in a URL. The user name is trioflow."""


def pytest_configure(config: pytest.Config) -> None:
    """Say what the markers mean, also where this plugin is tested alone."""
    config.addinivalue_line("markers", "postgres: needs the programs of a PostgreSQL server")
    config.addinivalue_line("markers", "slow: takes long")


POSTGRES = pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.slow])


@pytest.fixture(params=["sqlite", POSTGRES])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, of one kind and then of the other."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a file that does not exist yet."""
    return f"sqlite:{tmp_path / 'runs.db'}"


@define
class Server:
    """A PostgreSQL server on a cluster of its own."""

    folder: Path
    """Where its socket is."""
    port: int | None = None
    """The port of this machine on which it listens as well; none if None."""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run it, and wait until it takes connections."""
        # Not durable: these tests kill processes and not machines.
        settings = [f"unix_socket_directories={self.folder}", "fsync=off"]
        settings.append(f"listen_addresses={'127.0.0.1' if self.port else ''}")
        if self.port:
            settings.append(f"port={self.port}")
        command = ["postgres", "-D", str(self.folder / "data")]
        command += [part for setting in settings for part in ("-c", setting)]
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, **unprivileged()
            )
        wait_until_ready(self, self.process)

    def stop(self) -> None:
        """End it, without waiting for clients."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=60)
            self.process = None

    def url(self, database: str) -> str:
        """Return the URL of one of its databases."""
        password = PASSWORD.replace("%", "%25").replace("/", "%2F").replace(":", "%3A")
        if self.port:
            return (
                f"postgresql://trioflow:{password}@127.0.0.1:{self.port}/{database}?sslmode=disable"
            )
        return f"postgresql://trioflow:{password}@/{database}?host={self.folder}"

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """Return a connection that is not one of ours, for looking from outside."""
        return psycopg.connect(
            host=str(self.folder),
            port=self.port or 5432,
            dbname=database,
            user="trioflow",
            password=PASSWORD,
            autocommit=True,
        )

    def is_ready(self) -> bool:
        """Tell whether it takes connections."""
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True


@pytest.fixture
def postgres_url(server: Server) -> Iterator[str]:
    """The URL of a new database."""
    name = f"test_{os.urandom(4).hex()}"
    with server.connect() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield server.url(name)
    with server.connect() as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server that is there for these tests only."""
    with running_server() as running:
        yield running


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server that is there for one test only, which may stop it."""
    with running_server() as running:
        yield running


@pytest.fixture
def listening_server() -> Iterator[Server]:
    """A server that is there for one test only, and that is reached by TCP."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with running_server(port) as running:
        yield running


@contextmanager
def running_server(port: int | None = None) -> Iterator[Server]:
    """Run a server while the block runs."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        pytest.skip(f"a PostgreSQL server is not installed: no {' and no '.join(missing)}")
    # Not tmp_path: the path of a socket is short, and another user has to get there.
    with tempfile.TemporaryDirectory(prefix="trioflow-") as folder:
        server = Server(Path(folder), port)
        make_cluster(server.folder)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def make_cluster(folder: Path) -> None:
    """Make what a server needs in a folder."""
    as_user = unprivileged()
    if as_user:
        shutil.chown(folder, as_user["user"], as_user["group"])
    secret = folder / "password"
    secret.write_text(PASSWORD)
    initdb = ["initdb", "-D", str(folder / "data"), "-U", "trioflow", "-A", "scram-sha-256"]
    initdb += ["--pwfile", str(secret), "-E", "UTF8", "--no-locale", "--no-sync"]
    subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **as_user)


PGBOUNCER = """
[databases]
* = host={folder}
[pgbouncer]
unix_socket_dir = {own}
listen_port = 6432
auth_type = plain
auth_file = {own}/users
pool_mode = {mode}
ignore_startup_parameters = extra_float_digits
"""


@pytest.fixture
def pooled_url(server: Server, postgres_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a new database through PgBouncer; the parameter is the mode of its pool."""
    if shutil.which("pgbouncer") is None:
        pytest.skip("PgBouncer is not installed")
    as_user = unprivileged()
    with tempfile.TemporaryDirectory(prefix="trioflow-") as own:
        Path(own, "users").write_text(f'"trioflow" "{PASSWORD}"\n')
        config = Path(own, "config")
        config.write_text(PGBOUNCER.format(folder=server.folder, own=own, mode=request.param))
        if as_user:
            for path in (Path(own), config, Path(own, "users")):
                os.chown(path, as_user["user"], as_user["group"])
        with subprocess.Popen(
            ["pgbouncer", "-q", str(config)], stderr=subprocess.DEVNULL, **as_user
        ) as process:
            try:
                deadline = time.monotonic() + 30
                while not list(Path(own).glob(".s.PGSQL.*")):
                    assert process.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.02)
                yield postgres_url.replace(f"host={server.folder}", f"host={own}&port=6432")
            finally:
                process.send_signal(signal.SIGINT)


def wait_until_ready(server: Server, process: subprocess.Popen[bytes]) -> None:
    """Wait until the server takes connections."""
    deadline = time.monotonic() + 60
    while not server.is_ready():
        assert process.poll() is None, (server.folder / "log").read_text()
        assert time.monotonic() < deadline, (server.folder / "log").read_text()
        time.sleep(0.05)


def unprivileged() -> dict[str, Any]:
    """Return how to start a process as somebody who is not root."""
    if os.geteuid() != 0:
        return {}
    names = {user.pw_name: user for user in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

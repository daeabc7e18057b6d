"""Completion in the shells that are installed here: commands, options, and ids of their own."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli_support import Cli, suspend
from tests.test_cli_process import LIMIT, command, folder
from tests.test_cli_stored import cli
from trioflow._cli.completing import run_ids, workflow_ids

__all__ = ["cli", "folder"]  # the fixtures

PROMPT = "ready> "
CLEAR = "\x15"  # Ctrl-U empties the line


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home for the files of shells, which know the program by its name."""
    home = tmp_path / "a home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    for variable in ("ZSH", "ZSH_CUSTOM", "BASH_VERSION", "ZSH_VERSION", "FISH_VERSION"):
        monkeypatch.delenv(variable, raising=False)
    return home


# ---------------------------------------------------------------- the words
def words(done: str) -> dict[str, str]:
    lines = done.partition("\x1fbegin\n")[2].splitlines()
    return dict(line.split("\t") for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["show", "events", "resume", "fork", "retry", "send", "cancel"])
def test_ids_of_runs_are_those_in_the_store(cli: Cli, verb: str) -> None:
    id = suspend(cli)

    assert words(cli("__complete", verb, "").out) == {id: "asking, suspended"}
    assert words(cli("__complete", verb, "--store", "shelf:", "").out) == {id: "asking, suspended"}
    assert words(cli("__complete", verb, id, "").out) == {}


@pytest.mark.parametrize("store", ["sqlite:missing.db", "nothing:", "sqlite:demo_flows.py"])
def test_a_store_that_cannot_be_read_has_no_runs(
    cli: Cli, store: str, capfd: pytest.CaptureFixture[str]
) -> None:
    done = cli("__complete", "show", "--store", store, "")

    assert words(done.out) == {}
    assert done.err == ""


def test_without_a_store_there_are_no_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRIOFLOW_STORE", raising=False)

    assert run_ids(None) == {}


@pytest.mark.parametrize("verb", ["run", "graph"])
def test_workflows_are_those_of_plugins(cli: Cli, verb: str) -> None:
    assert words(cli("__complete", verb, "").out) == workflow_ids()
    assert words(cli("__complete", verb, "--store", "").out) == {}


# ---------------------------------------------------------------- the installation
@pytest.mark.slow
def test_it_is_installed_once(cli: Cli, home: Path) -> None:
    for _ in range(2):
        done = cli("--install-completion", "--shell", "bash")
        assert done.code == 0

    script = home / ".local/share/bash-completion/completions/trioflow"
    assert done.out == f"completion for bash is installed in {script}; it works in new shells\n"
    assert (home / ".bashrc").read_text() == f". '{script}'\n"


def test_it_leaves_what_is_in_the_files_of_the_shell(cli: Cli, home: Path) -> None:
    (home / ".bashrc").write_bytes(b"alias x='\xe9'")

    assert cli("--install-completion", "--shell", "bash").code == 0

    assert (home / ".bashrc").read_bytes().endswith(b"trioflow'\nalias x='\xe9'")


@pytest.mark.slow
def test_it_is_installed_for_the_shell_of_the_user(
    cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FISH_VERSION", "3.6.0")

    assert cli("--install-completion").code == 0

    assert (home / ".config/fish/completions/trioflow.fish").is_file()
    assert not (home / ".bashrc").exists()


@pytest.mark.parametrize("shell", [None, "/bin/tcsh", "pwsh"])
def test_an_unknown_shell_has_to_be_named(
    cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch, shell: str | None
) -> None:
    monkeypatch.setenv("PATH", "")  # so that nothing tells the name of the parent process
    monkeypatch.delenv("SHELL", raising=False)
    if shell is not None:
        monkeypatch.setenv("SHELL", shell)

    done = cli("--install-completion")

    assert (done.code, done.out) == (2, "")
    assert "name it: trioflow --install-completion --shell bash" in done.err


def test_a_home_that_cannot_be_written_is_one_line(
    cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "file").touch()
    monkeypatch.setenv("HOME", str(home / "file"))

    done = cli("--install-completion", "--shell", "bash")

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("trioflow: error: ")
    assert "Not a directory" in done.err


# ---------------------------------------------------------------- real shells
@contextlib.contextmanager
def terminal(shell: list[str]) -> Iterator[int]:
    """Start a shell in a terminal, and end it in any case."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ |= {"TERM": "dumb", "LC_ALL": "C.UTF-8"}
        os.execvp(shell[0], shell)
    try:
        wait_for(fd, PROMPT)
        yield fd
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(fd)


def wait_for(fd: int, text: str) -> str:
    """Read from a terminal until there is some text."""
    seen = ""
    while text not in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen):
        assert select.select([fd], [], [], LIMIT)[0], f"no {text!r} in {seen!r}"
        seen += os.read(fd, 65536).decode(errors="replace")
    return seen


def save_runs(*ids: str) -> None:
    for id in ids:
        start = command("run", "demo_flows:hello", "--input", '{"name": "A"}', "--run-id", id)
        subprocess.run([*start, "--store", "sqlite:runs.db"], check=True, stdout=subprocess.DEVNULL)


TYPED = [
    ("trioflow sho", "trioflow show "),
    ("trioflow run files.", "trioflow run files.report "),
    ("trioflow runs --status fai", "trioflow runs --status failed "),
    ("trioflow resume x --lab", "trioflow resume x --label "),
    ("trioflow show --store sqlite:runs.db mon", "trioflow show --store sqlite:runs.db monday "),
    ("trioflow show mon", "trioflow show monday "),
]


@pytest.mark.slow  # new interpreters
@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_completes_what_is_typed(
    home: Path, shell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("trioflow_sql", reason="trioflow-sql is not installed")
    pytest.importorskip("trioflow_files", reason="trioflow-files is not installed")
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    subprocess.run(command("--install-completion", "--shell", shell), check=True)
    with (home / f".{shell}rc").open("a") as file:
        if shell == "zsh":
            file.write("autoload -Uz compinit && compinit -u\n")
        file.write(f"PS1='{PROMPT}'\n")
    save_runs("monday", "tuesday")
    monkeypatch.setenv("TRIOFLOW_STORE", "sqlite:runs.db")
    start = ["bash", "--noprofile", "--rcfile", f"{home}/.bashrc", "-i"]
    with terminal(start if shell == "bash" else ["zsh", "-i"]) as fd:
        for typed, completed in TYPED:
            os.write(fd, f"{CLEAR}{typed}\t".encode())
            wait_for(fd, completed)


@pytest.mark.slow  # new interpreters
@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
@pytest.mark.parametrize(("typed", "completed"), TYPED)
def test_fish_completes_what_is_typed(
    home: Path, typed: str, completed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(command("--install-completion", "--shell", "fish"), check=True)
    save_runs("monday", "tuesday")
    monkeypatch.setenv("TRIOFLOW_STORE", "sqlite:runs.db")

    done = subprocess.run(
        ["fish", "-c", f"complete -C {typed!r}"], capture_output=True, text=True, check=True
    )

    assert done.stdout.split("\t")[0].split()[-1] == completed.rsplit(maxsplit=1)[-1]

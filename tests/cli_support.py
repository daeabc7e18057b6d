"""A folder with workflows and a plugin, for the tests of the command line."""

from __future__ import annotations

import contextlib
import importlib
import json
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from trioflow._cli import main

FLOWS = '''
"""Workflows for the tests of the command line."""

import os
import signal
import subprocess
import sys

import trio
import trio.testing
from attrs import frozen

from trioflow import StepContext, Workflow, step


@frozen
class City:
    name: str
    days: int = 1


@step
async def greet(city: City, ctx: StepContext) -> str:
    return f"{ctx.runtime_context.get('greeting', 'Hello')}, {city.name}!"


@step
async def boom(city: City) -> str:
    raise ValueError(f"no {city.name}")


@step
async def sleeps(value: object) -> None:
    await trio.sleep_forever()


@step
async def cancels_run(value: object, ctx: StepContext) -> None:
    ctx.cancel_run("too late")
    await trio.sleep_forever()


@step
async def interrupts(value: object) -> None:
    await trio.testing.wait_all_tasks_blocked()  # steps beside it have started
    signal.raise_signal(signal.SIGINT)
    await trio.sleep_forever()


@step
async def terminates(value: object) -> None:
    signal.raise_signal(signal.SIGTERM)
    await trio.sleep_forever()


@step
async def outlasts_a_signal(value: int) -> int:
    signal.raise_signal(signal.SIGTERM)
    await trio.testing.wait_all_tasks_blocked(0.01)
    return value


@step
async def starts_another(value: int, ctx: StepContext) -> int:
    await ctx.start_run(outlasting, value)
    return value


@step
async def prints(value: object) -> str:
    print("printed")
    subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
    return "done"


@step
async def clings(value: object) -> None:
    signal.raise_signal(signal.SIGINT)
    with trio.CancelScope(shield=True):
        await trio.sleep(0)
        signal.raise_signal(signal.SIGINT)
        await trio.sleep_forever()


@step
async def hogs(value: object) -> None:
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)


@step
def counts(value: object) -> list[int]:
    return list(range(100_000))


@step
async def clean_up(value: object) -> None:
    try:
        await trio.sleep_forever()
    finally:
        with trio.CancelScope(shield=True):
            print("cleaned up", file=sys.stderr, flush=True)


@step
async def same(value: int) -> int:
    return value


def flow(*steps: object) -> Workflow:
    workflow = Workflow("flow")
    for each in steps:
        workflow = workflow.then(each)
    return workflow


@step
async def asks(value: object, ctx: StepContext) -> str:
    if ctx.resume_data is None:
        ctx.suspend({"why": value}, label="it's me")
    return f"answer: {ctx.resume_data}"


@step
async def asks_twice(value: int, ctx: StepContext) -> list:
    first = await ctx.ask({"pay": value}, bool, label="boss")
    return [first, await ctx.ask("how many?", int, timeout=3600)]


@step
async def odd_asks(value: int, ctx: StepContext) -> int:
    if value % 2 and ctx.resume_data is None:
        ctx.suspend(f"{value}?")
    return ctx.resume_data or value


@step
async def interrupts_once(value: object, ctx: StepContext) -> str:
    if not INTERRUPTED:
        INTERRUPTED.append(value)
        await trio.testing.wait_all_tasks_blocked()
        signal.raise_signal(signal.SIGINT)
        await trio.sleep_forever()
    return f"went on with {value}"


@step
async def lingers(value: object) -> str:
    while not os.path.exists("go"):
        await trio.sleep(0.02)
    return "lingered"


@step
async def adds(value: int) -> int:
    return value + 1


@step
async def rejects(value: int) -> int:
    raise ValueError(f"not {value}")


INTERRUPTED = []


hello = Workflow("hello", input=City, output=str).then(greet)
failing = Workflow("failing", input=City).then(boom)
lingering = Workflow("lingering").then(lingers).then(sleeps)
canceling, sleeping, cleaning = flow(cancels_run), flow(sleeps), flow(clean_up)
interrupted = Workflow("interrupted").parallel(interrupts, sleeps)
terminated, printing, clinging, hogging = flow(terminates), flow(prints), flow(clings), flow(hogs)
many = Workflow("many").then(counts).foreach(same)
asking = Workflow("asking", input=int).then(adds).then(asks)
questions = Workflow("questions", input=int).then(asks_twice)
asking_any = Workflow("asking_any").then(asks)
asking_inside = Workflow("outside", input=int).parallel(asking, same)
items = Workflow("items", input=list[int]).foreach(odd_asks, concurrency=4)
outlasting = Workflow("outlasting", input=int).then(outlasts_a_signal).then(same)
starting = Workflow("starting", input=int).then(starts_another)
once = Workflow("once", input=int).then(adds).then(interrupts_once)
rejecting = Workflow("rejecting", input=int).then(adds).then(rejects)
rejecting_inside = Workflow("rejecting_inside", input=int).parallel(rejecting, same)
waits = Workflow("waits", input=int).wait_for_event("go", same)
interrupted_wait = Workflow("interrupted_wait", input=int).parallel(waits, interrupts_once)
'''

PLUGIN = '''
"""A plugin that adds one of each, and two commands."""

import sys

from trioflow import Workflow, hookimpl, step, tool


@step(id="demo.double")
async def double(value: int) -> int:
    """Double a number."""
    return 2 * value


@tool(id="demo.look")
async def look(query: str, limit: int = 3) -> list[str]:
    """Look something up."""
    return [query]


@hookimpl
def trioflow_steps():
    return [double]


@hookimpl
def trioflow_tools():
    return [look]


@hookimpl
def trioflow_workflows():
    return [Workflow("demo.twice", input=int, output=int).then("demo.double")]


@hookimpl
def trioflow_commands(app):
    @app.command
    def demo_sync(code: int = 0) -> int:
        """Give an exit code."""
        return code

    @app.command
    async def demo_async() -> str:
        """Sleep on Trio."""
        import trio

        await trio.sleep(0)
        return "slept"
'''

STORE = '''
"""A plugin with a store that lasts as long as this module, under the URL shelf:."""

from trioflow import hookimpl
from trioflow.stores import MemoryStore

SHELF = MemoryStore()


@hookimpl
def trioflow_store(url):
    return SHELF if url.startswith("shelf:") else None
'''


@attrs.frozen
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str


Cli = Callable[..., Done]


def command_line(capfd: pytest.CaptureFixture[str]) -> Cli:
    """Return what runs a command in this process."""

    def run(*tokens: str) -> Done:
        code = main(tokens)
        captured = capfd.readouterr()
        return Done(code, captured.out, captured.err)

    return run


@contextlib.contextmanager
def shelf_project(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cli]:
    """Run commands with a store that lasts for the block, beside a module of workflows."""
    install_plugin(folder, STORE, "shelf")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("TRIOFLOW_STORE", "shelf:")
    with project(folder):
        yield command_line(capfd)


def newest(cli: Cli, *options: str) -> Any:
    """Return what is listed of the newest run."""
    return json.loads(cli("runs", "--json", *options).out.splitlines()[0])


def hints(done: Done) -> list[list[str]]:
    """Return the commands that standard error tells to type, without the program's name."""
    lines = [line for line in done.err.splitlines() if line.startswith("  trioflow ")]
    return [shlex.split(line)[1:] for line in lines]


def suspend(cli: Cli) -> str:
    """Let a run come to where it waits for an answer, and return its id."""
    cli("run", "demo_flows:asking", "--input", "1")
    id: str = newest(cli)["runId"]
    return id


def interrupt(cli: Cli, workflow: str = "once") -> str:
    """Let a run be interrupted, and return its id."""
    cli("run", f"demo_flows:{workflow}", "--input", "1")
    id: str = newest(cli)["runId"]
    return id


@contextlib.contextmanager
def project(folder: Path) -> Iterator[Path]:
    """Work in *folder*, which has a module ``demo_flows``; forget what was imported from it."""
    (folder / "demo_flows.py").write_text(FLOWS)
    path = list(sys.path)
    with contextlib.chdir(folder):
        try:
            yield folder
        finally:
            sys.path[:] = path
            importlib.invalidate_caches()
            for name, module in list(sys.modules.items()):
                if str(getattr(module, "__file__", "")).startswith(str(folder)):
                    del sys.modules[name]


def install_plugin(folder: Path, source: str = PLUGIN, name: str = "demo") -> None:
    """Make *source* a plugin of an installed distribution, for who has *folder* in its path."""
    (folder / f"{name}_plugin.py").write_text(source)
    info = folder / f"trioflow_{name}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: trioflow-{name}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[trioflow]\n{name} = {name}_plugin\n")

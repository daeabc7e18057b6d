"""What is refused before anything runs, because no worker could find the function."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest
import trio
from process_steps import contexts, values
from trioflow_process import ProcessRunner

from trioflow import Workflow, open_engine, step
from trioflow.errors import DefinitionError


def refusal(fn: Any) -> str:
    """Return why a function is refused."""
    with pytest.raises(DefinitionError) as caught:
        ProcessRunner(1).check(fn, "step 's'")
    return str(caught.value)


async def test_a_local_function_is_refused_while_planning() -> None:
    @step(runner="process")
    def local(value: int) -> int:
        return value

    workflow = Workflow("w", input=int).then(local)
    with pytest.raises(DefinitionError) as caught:
        async with open_engine(
            plugins=[], runners={"process": ProcessRunner(1)}, workflows=[workflow]
        ):
            raise AssertionError("it was accepted")

    assert str(caught.value).startswith(
        "step 'local': a worker process cannot find its function by name (Can't "
    )
    assert str(caught.value).endswith("; define it at the top level of a module")


def test_lambdas_and_methods_of_what_cannot_be_pickled_are_refused() -> None:
    assert "cannot find its function by name" in refusal(lambda: None)
    assert "cannot find its function by name" in refusal(contexts.over.wait)


@pytest.mark.parametrize("module", [None, "", "no.such", "sys"])
def test_functions_that_do_not_know_their_module_are_refused(module: Any) -> None:
    names: dict[str, Any] = {}
    exec("def lost(): pass", names)
    names["lost"].__module__ = module

    assert "a worker process cannot find its function by name" in refusal(names["lost"])


def test_finders_of_another_time_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", [object(), *sys.meta_path])

    ProcessRunner(1).check(values.plain.fn, "step 's'")


def test_async_functions_are_refused() -> None:
    assert refusal(trio.sleep) == (
        "step 's': an async def cannot run in a process; make it a plain def"
    )


def test_modules_that_cannot_be_imported_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("only_here")
    exec("def fn(): pass", vars(module))
    monkeypatch.setitem(sys.modules, "only_here", module)

    assert refusal(module.fn) == (
        "step 's': a worker process cannot import the module 'only_here' that defines it; "
        "move it to a module on sys.path"
    )


@pytest.mark.parametrize(
    "fn",
    [
        values.plain.fn,
        values.rename.fn,
        values.bound.fn,
        values.multiply.fn,
        values.rename.clone("other").fn,
        values.Part,
        subprocess.list2cmdline,
        len,
        "text".upper,
    ],
)
def test_what_has_a_name_is_accepted(fn: Any) -> None:
    ProcessRunner(1).check(fn, "step 's'")


SCRIPT = """
from trioflow import step
from trioflow_process import ProcessRunner

@step(runner="process")
def body(value: int) -> int:
    return value

ProcessRunner(1).check(body.fn, "step 'body'")
print("accepted")
"""


def test_the_main_module_is_accepted_if_it_is_a_file(tmp_path: Any) -> None:
    file = tmp_path / "script.py"
    file.write_text(SCRIPT)

    from_file = subprocess.run([sys.executable, file], capture_output=True, text=True, check=True)
    from_text = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False
    )

    assert from_file.stdout == "accepted\n"
    assert "cannot import the module '__main__' that defines it" in from_text.stderr

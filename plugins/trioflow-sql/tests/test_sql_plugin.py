"""trioflow finds the plugin by its entry point, and keeps runs where a URL says."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest
import trioflow_sql
from attrs import frozen
from trioflow_sql import SqlStore

from trioflow import StepContext, Workflow, open_engine, step
from trioflow.errors import StoreError


@frozen
class Answer:
    text: str


@step
async def ask(question: str, ctx: StepContext) -> str:
    if ctx.resume_data is None:
        ctx.suspend({"question": question})
    return f"{question} {ctx.resume_data}"


@step
async def shout(text: str) -> str:
    return text.upper()


survey = Workflow("survey", input=str, output=str).then(ask).then(shout)


async def test_the_installed_plugin_is_found_and_offers_its_store(url: str) -> None:
    async with open_engine(plugins=["sql"], store=url) as engine:
        (info,) = [plugin for plugin in engine.plugins if plugin.name == "sql"]
        assert isinstance(engine.store, SqlStore)

    assert info.distribution == "trioflow-sql"
    assert info.version


@pytest.mark.parametrize("url", ["memory:", "mysql://h/runs", "sqlite", "runs.db", ""])
def test_other_urls_are_left_to_others(url: str) -> None:
    assert trioflow_sql.trioflow_store(url) is None
    with pytest.raises(StoreError, match="is not supported"):
        SqlStore(url)


def test_sqlalchemy_is_not_imported_before_a_store_is_wanted() -> None:
    script = (
        "import sys, trioflow_sql; print([m for m in sys.modules if m.startswith('sqlalchemy')])"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)

    assert done.stdout.split() == [b"[]"]


def test_unknown_names_are_unknown() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        trioflow_sql.nonsense  # noqa: B018


async def test_a_run_goes_on_in_another_engine(url: str) -> None:
    async with open_engine(plugins=["sql"], store=url, workflows=[survey]) as engine:
        result = await engine.create_run("survey", run_id="r").start("why?")
        assert result.status == "suspended"

    async with open_engine(plugins=["sql"], store=url, workflows=[survey]) as engine:
        run = await engine.load_run("r")
        assert (await run.resume("because")).unwrap() == "WHY? BECAUSE"


def test_errors_survive_pickling() -> None:
    with pytest.raises(StoreError) as caught:
        SqlStore("sqlite:")

    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.transient) == (str(caught.value), False)

"""trioflow finds the plugin by its entry point, and workflows find its parts by id."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import trioflow_files
from trioflow_files import Folder, Match, Report, RootError

from trioflow import NonRetryableError, Retry, StepContext, Workflow, events, open_engine, step
from trioflow.testing import check_events


async def test_the_installed_plugin_is_found_with_all_it_provides() -> None:
    async with open_engine(plugins=["files"]) as engine:
        (info,) = [plugin for plugin in engine.plugins if plugin.name == "files"]

    assert info.distribution == "trioflow-files"
    assert info.version
    assert set(info.steps) == {
        "files.digest",
        "files.largest",
        "files.duplicates",
        "files.extensions",
        "files.summarize",
    }
    assert info.tools == ("files.grep", "files.list", "files.read", "files.write")
    assert info.workflows == ("files.report",)


async def test_everything_it_provides_describes_itself_in_one_line() -> None:
    async with open_engine(plugins=[trioflow_files]) as engine:
        provided: list[Any] = [
            *engine.steps.values(),
            *engine.tools.values(),
            *engine.workflows.values(),
        ]

    assert len(provided) == 10
    for definition in provided:
        assert definition.description.endswith("."), definition
        assert "\n" not in definition.description, definition


async def test_the_report_runs_by_its_id_and_its_events_follow_the_grammar(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.txt").write_text("a few words\n")
    (tmp_path / "b.txt").write_text("a few words\n")

    async with open_engine(plugins=["files"]) as engine:
        async with engine.create_run("files.report").stream({"root": str(tmp_path)}) as stream:
            seen = [event async for event in stream]
            result = (await stream.get_workflow_state()).unwrap()
        check_events(seen, engine.workflows["files.report"])

    assert isinstance(result, Report)
    assert (result.files, result.words, len(result.duplicates)) == (2, 6, 1)
    progress = [event for event in seen if isinstance(event, events.StepProgress)]
    assert [(event.done, event.total) for event in progress] == [(1, 2), (2, 2)]


async def test_other_workflows_use_the_parts_by_id(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("first\nsecond todo\n")

    @step
    async def first_todo(report: Report, ctx: StepContext) -> Match:
        async with ctx.stream_tool("files.grep", pattern="todo", root=report.root) as matches:
            first: Match = await anext(matches)
        return first

    workflow = Workflow("todo", input=Folder, output=Match).then("files.report").then(first_todo)
    async with open_engine(plugins=["files"], workflows=[workflow]) as engine:
        async with engine.create_run("todo").stream(Folder(str(tmp_path))) as stream:
            seen = [event async for event in stream]
            result = (await stream.get_workflow_state()).unwrap()
        check_events(seen, workflow)

    assert result == Match("notes.txt", 2, 8, "second todo")


async def test_grep_can_be_a_node_of_a_workflow(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import trio\n")
    (tmp_path / "a.txt").write_text("import\n")

    workflow = Workflow("imports", input=dict).then("files.grep")
    async with open_engine(plugins=["files"]) as engine:
        result = await engine.create_run(workflow).start(
            {"pattern": "^import", "root": str(tmp_path), "glob": "*.py"}
        )

    assert result.unwrap() == [Match("a.py", 1, 1, "import trio")]


async def test_a_missing_root_is_not_retried(tmp_path: Path) -> None:
    workflow = Workflow("patient", input=Folder, retry=Retry(attempts=5)).then("files.list")
    async with open_engine(plugins=["files"]) as engine:
        result = await engine.create_run(workflow).start(Folder(str(tmp_path / "missing")))

    assert isinstance(result.error, RootError)
    assert result.steps["files.list"].attempts == 1


@pytest.mark.parametrize(
    "error",
    [
        trioflow_files.RootError("nowhere", "No such file or directory"),
        trioflow_files.InvalidPatternError("glob", "!", "it selects nothing", "try another"),
    ],
)
def test_errors_are_final_and_survive_pickling(error: NonRetryableError) -> None:
    assert isinstance(error, NonRetryableError)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)

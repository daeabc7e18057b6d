"""Every recorded exchange of the real server, repeated with ours."""

from __future__ import annotations

import gc
import os
import shlex
import subprocess
import sys
from typing import Any

import pytest
import trio
from trioflow_server import Binding, ServerOptions, create_app, open_server

from trioflow import open_engine

from .case_workflows import CasePlugin, offered_by
from .checking import HERE, RECORDED, compare_path, load_cases, load_checker

CASES = load_cases()
CHECKER = load_checker()
BETTER = {
    "start.twice": "a run that has finished does not run again",
    "cancel.finished": "a run that has finished keeps its status",
    "observe.live": "an observer sees each event once",
    "runs.get-nested": "a workflow that waits inside is suspended, not running",
}
"""Bugs of the recorded server that ours does not have, all of the level "quirk"."""
ATTEMPTS = 3
"""The gaps between steps are short, and the machine may be busy."""


# The given checker leaves its sockets to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
async def test_ours_answers_as_the_recorded_server_did(case: dict[str, Any]) -> None:
    for _ in range(ATTEMPTS):
        differences = await differences_of(case)
        if not differences:
            break

    if case["name"] in BETTER:
        assert case["level"] == "quirk"
        assert differences
    else:
        assert differences == []


async def differences_of(case: dict[str, Any]) -> list[str]:
    """Return how the answers of a server of ours differ from the recorded ones."""
    offered = offered_by(case)
    options = ServerOptions(allow_unauthenticated=True, exposed_tools=("*",))
    async with open_engine(
        store="memory:",
        plugins=[CasePlugin()],
        workflows=offered.workflows,
        tools=offered.tools,
        journal_chunks=True,
    ) as engine:
        async with open_server(create_app(engine, options), Binding(port=0)) as server:
            try:
                observed = await trio.to_thread.run_sync(CHECKER.observe, case, server.url)
            except CHECKER.Mismatch as exc:
                return [str(exc)]
        differences: list[str] = CHECKER.compare(case, observed)
        gc.collect()
        return differences


@pytest.mark.slow
def test_the_checker_starts_one_server_for_each_case() -> None:
    server = shlex.join([sys.executable, str(HERE / "serve_case.py"), "{case}"])
    command = [sys.executable, str(RECORDED / "check_http.py"), "--server", server]
    done = subprocess.run(
        [*command, str(RECORDED / "cases-http.jsonl"), "--only", "resume."],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": compare_path()},
        check=False,
    )

    assert "differs" not in done.stdout
    assert done.stdout.splitlines()[-1].startswith("cases ")

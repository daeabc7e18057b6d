"""The runner over a pipe fulfills the contract of runners."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest

from tests.remote.pipe_runner import PipePost, PipeRunner
from trioflow import StepContext
from trioflow.testing import RunnerContractError, check_runner
from trioflow.testing._runners.bodies import KINDS

pytestmark = pytest.mark.slow


async def test_the_runner_over_a_pipe_is_a_runner() -> None:
    await check_runner(PipeRunner, carries_context=False, places=1)


class OfACluster(PipeRunner):
    """Leaves the process in which the check looks around to others."""

    left: list[PipePost]

    async def run(
        self, ctx: StepContext[Any], fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        result = await super().run(ctx, fn, *args, **kwargs)
        if fn in [kind.place for kind in KINDS] and self._post is not None:
            self.left.append(self._post)
            self._post = None
        return result


async def test_processes_may_stay_only_if_they_belong_to_others() -> None:
    for owns_processes in (False, True):
        OfACluster.left = []
        refused = pytest.raises(RunnerContractError, match="leaves no thread or process: process")
        with refused if owns_processes else nullcontext():
            await check_runner(
                OfACluster, carries_context=False, places=1, owns_processes=owns_processes
            )
        for post in OfACluster.left:
            runner = PipeRunner()
            runner._post = post
            await runner._end_process(kill=True)

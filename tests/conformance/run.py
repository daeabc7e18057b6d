"""Runs cases and compares what was observed with what was recorded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs
import trio

from trioflow import TrioflowError, open_engine

from .build import Builder, Case
from .compare import compare
from .deviations import Deviation, deviation_of
from .place import Effects, NotSupportedError, seconds
from .schemas import SchemaPlugin
from .script import play
from .session import HANG_MS, Session

TIME_LIMIT = 10.0
"""Seconds after which a case is given up."""
ATTEMPTS = 3
"""How often a case is tried: its gaps are short, and the machine may be busy."""

ALONE = 4
"""How often a case that still fails is tried as often again, with no other beside it."""

Observed = dict[str, Any]


@attrs.frozen
class Outcome:
    """What came of a case."""

    case: Case
    observed: Observed
    differences: tuple[str, ...]
    elapsed: float
    """Seconds."""

    missing: str = ""
    """What the case needs that trioflow does not have: ``"definitions of type agent"``."""
    deviation: Deviation | None = None
    """The deliberate deviation that explains the differences."""

    @property
    def passed(self) -> bool:
        """Whether the case is met, or differs as ``deviations.toml`` says it must."""
        return not self.differences or self.deviation is not None


def load(path: Path) -> list[Case]:
    """Return the cases of a file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


async def observe_case(case: Case) -> tuple[Observed, float]:
    """Run a case and return what was observed, and how long its script took, in seconds.

    Raises:
      NotSupportedError: if it needs what trioflow cannot do yet.
    """
    builder = Builder(case, Effects())
    try:
        workflow = builder.build()
    except TrioflowError as error:
        return {"build": builder.words.error(error)}, 0
    async with (
        open_engine(plugins=[SchemaPlugin()], workflows=[workflow]) as engine,
        trio.open_nursery() as nursery,
    ):
        session = Session(engine, builder, nursery)
        started = trio.current_time()
        await play(session, case["script"])
        await session.wait_settled(case.get("hangMs", HANG_MS))
        elapsed = trio.current_time() - started
        session.check_supported()
        await trio.sleep(seconds(case.get("settleMs", 0)))
        observed = _observed(session)
        nursery.cancel_scope.cancel()
    return observed, elapsed


def _observed(session: Session) -> Observed:
    effects = session.builder.effects
    return {
        "streams": {
            name: {"events": list(log.events), "closed": log.closed}
            for name, log in session.logs.items()
        },
        "results": dict(session.results),
        "values": dict(session.values),
        "calls": dict(effects.calls),
        "journal": list(effects.journal),
        "actionErrors": list(session.errors),
    }


async def run_case(case: Case, attempts: int = ATTEMPTS) -> Outcome:
    """Run a case, again if it fails, and compare it; never raises for what is in the case."""
    for _ in range(attempts):
        outcome = await _attempt(case)
        if outcome.passed or outcome.missing:
            break
    return outcome


async def _attempt(case: Case) -> Outcome:
    observed: Observed = {}
    elapsed = 0.0
    problems: list[str] = []
    missing = ""
    with trio.move_on_after(TIME_LIMIT) as limit:
        try:
            observed, elapsed = await observe_case(case)
            problems += [*compare(case, observed), *_timing(case, elapsed)]
        except* NotSupportedError as group:
            missing = str(_first(group))
            problems.append(f"not supported yet: {missing}")
        except* Exception as group:
            problems.append(f"the adapter failed: {_first(group)!r}")
    if limit.cancelled_caught:
        problems.append(f"not over after {TIME_LIMIT} s")
    explains = deviation_of(case, observed) if problems and observed else None
    return Outcome(case, observed, tuple(problems), elapsed, missing, explains)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


def _timing(case: Case, elapsed: float) -> Iterable[str]:
    bounds: Mapping[str, float] = case.get("timing", {})
    ms = elapsed * 1000
    if ms < bounds.get("minMs", 0):
        yield f"timing: took {ms:.0f} ms, at least {bounds['minMs']} ms expected"
    if ms > bounds.get("maxMs", ms):
        yield f"timing: took {ms:.0f} ms, at most {bounds['maxMs']} ms expected"


async def run_cases(cases: Iterable[Case], *, at_once: int = 8) -> list[Outcome]:
    """Run cases, several at a time, and return what came of each, in order."""
    cases = list(cases)
    outcomes: dict[int, Outcome] = {}
    limiter = trio.CapacityLimiter(at_once)

    async def run(index: int, case: Case) -> None:
        async with limiter:
            outcomes[index] = await run_case(case)

    async with trio.open_nursery() as nursery:
        for index, case in enumerate(cases):
            nursery.start_soon(run, index, case)
    for index, case in enumerate(cases):
        if not (outcomes[index].passed or outcomes[index].missing):
            # Alone, and again: on a busy machine the others were what was in its way.
            outcomes[index] = await run_case(case, ATTEMPTS * ALONE)
    return [outcomes[index] for index in sorted(outcomes)]

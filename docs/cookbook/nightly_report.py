"""A report that is made once per night, in however many processes.

From cron: ``trioflow run nightly_report:nightly --run-id nightly-$(date +%F) --store ...`` does the
same; a second call reports the first run.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import trio

from trioflow import Engine, StepContext, Workflow, open_engine, step


@step
async def collect(day: date) -> dict[str, int]:
    """Sum up the sales of a day."""
    return {"lamps": day.day, "chairs": day.month}


@step
async def render(sales: dict[str, int], ctx: StepContext) -> str:
    lines = [f"{name:<8}{number:>4}" for name, number in sorted(sales.items())]
    return "\n".join([f"Sales of {ctx.init_data}", *lines])


nightly = (
    Workflow("nightly", input=date, output=str, timeout=timedelta(hours=2))
    .then(collect)
    .then(render)
)


async def report_on(engine: Engine, day: date) -> bool:
    """Start the report of a day; return False if any process has started it before."""
    run = await engine.start_once(nightly, day, run_id=f"nightly-{day}", tags=["nightly"])
    return run is not None


async def every_night(engine: Engine, at: time, nights: int) -> None:
    """Sleep until it is time, and report on the day before; on Trio's clock, for tests."""
    now = datetime.now(UTC)
    for _ in range(nights):
        next_time = datetime.combine(now.date(), at, UTC)
        next_time += timedelta(days=next_time <= now)
        await trio.sleep((next_time - now).total_seconds())
        await report_on(engine, (next_time - timedelta(days=1)).date())
        now = next_time


async def main() -> None:
    async with open_engine(workflows=[nightly], store="sqlite:runs.db", recover=True) as engine:
        day = date(2026, 11, 29)
        print(await report_on(engine, day), await report_on(engine, day))
        print((await (await engine.load_run(f"nightly-{day}")).wait()).output)


if __name__ == "__main__":
    trio.run(main)

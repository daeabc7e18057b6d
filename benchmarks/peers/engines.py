"""What is measured, and what has to be installed for it."""

from __future__ import annotations

import attrs


@attrs.frozen
class Engine:
    """Something that runs workflows, and the program in ``programs/`` that measures it."""

    id: str
    title: str
    requirements: tuple[str, ...] = ()
    """What pip installs into its environment; nothing if it runs in the one of trioflow."""
    durable: bool = False
    """Whether it records each step, so that its figures are those of durable runs."""

    module: str = attrs.field(kw_only=True)
    """The program."""

    @module.default
    def _module(self) -> str:
        return f"benchmarks.peers.programs.{self.id.replace('-', '_')}"


@attrs.frozen
class Workload:
    """Work that all engines do."""

    id: str
    title: str
    per: int
    """How many steps it has."""
    longer_than: str = ""
    """The id of the same work with fewer steps, if there is one."""


FLOOR = Engine("by-hand", "Trio by hand (F0)")
OURS = Engine("trioflow", "trioflow")
PEERS = {
    engine.id: engine
    for engine in (
        Engine("pydantic-graph", "pydantic-graph", ("pydantic-graph==2.68.0",)),
        Engine("langgraph", "LangGraph", ("langgraph==1.2.22",)),
        Engine("llama-index", "LlamaIndex Workflows", ("llama-index-workflows==2.26.1",)),
        Engine("trioflow-sql", "trioflow on SQLite", durable=True),
        Engine("dbos", "DBOS on SQLite", ("dbos==3.4.0",), durable=True),
        Engine(
            "prefect",
            "Prefect",
            # Its server does not start with the newest FastAPI that it says it works with.
            ("prefect==3.8.8", "fastapi==0.150.0"),
            durable=True,
        ),
    )
}
ENGINES = {engine.id: engine for engine in (FLOOR, OURS, *PEERS.values())}

WORKLOADS = {
    workload.id: workload
    for workload in (
        Workload("chain-1000", "chain of 1,000 steps", 1000),
        Workload("chain-10000", "chain of 10,000 steps", 10_000, longer_than="chain-1000"),
        Workload("loop-1000", "one step 1,000 times", 1000),
        Workload("foreach-1000", "fan-out of 1,000 items, 100 at a time", 1000),
        Workload("runs-100", "100 runs of 10 steps at once", 1000),
    )
}
"""No step does anything."""

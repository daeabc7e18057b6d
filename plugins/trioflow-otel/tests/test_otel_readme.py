"""The program of the README runs as it stands there, and sends what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.trace import SpanKind
from trioflow_otel import attributes

from trioflow import Workflow, open_engine, tool

from .collector import decoded, running_collector
from .traces import Traces

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(
    r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL
)

PROGRAMS = [text for language, text in BLOCKS if language == "python"]


def test_the_program_sends_the_tree_that_is_shown() -> None:
    program, _ = PROGRAMS
    [shown] = [text for language, text in BLOCKS if language == "text"]

    with running_collector() as collector:
        printed = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert f"It prints `{printed.strip()}`" in README
    (root,) = (span for span in collector.spans if not span.parent_span_id)
    assert tree(root, collector.spans) == shown
    assert decoded(root.attributes)["trioflow.metadata.tenant"] == "a"


async def test_the_instrument_says_what_the_span_of_a_model_call_is(traces: Traces) -> None:
    _, program = PROGRAMS
    names: dict[str, Any] = {}
    exec(program, names)

    @tool
    async def ask_model(question: str) -> str:
        return question

    instruments = [names["ModelCalls"]()]
    async with open_engine(plugins=[traces.plugin], instruments=instruments) as engine:
        await engine.create_run(Workflow("w", input=str).then(ask_model)).start("?")

    span = traces.one("chat gpt-4o")
    assert span.kind is SpanKind.CLIENT
    assert (span.attributes or {})["gen_ai.request.model"] == "gpt-4o"


def tree(span: Span, spans: list[Span], depth: int = 0) -> str:
    """Show a span and what is inside of it, in the order of time."""
    failed = " (ERROR)" if span.status.code == Status.STATUS_CODE_ERROR else ""
    inside = [other for other in spans if other.parent_span_id == span.span_id]
    inside.sort(key=lambda other: other.start_time_unix_nano)
    lines = "".join(tree(other, spans, depth + 1) for other in inside)
    return f"{'  ' * depth}{span.name}{failed}\n{lines}"


def test_all_attributes_are_named() -> None:
    source = Path(attributes.__file__).read_text("utf-8")
    names = re.findall(r'= "((?:trioflow|error|code|gen_ai)\.[\w.]+)"', source)

    assert len(names) > 20
    for name in names:
        last = name.rpartition(".")[2] or name
        assert f".{last}`" in README or f"`{name}`" in README or f"{name}*`" in README, name


def test_all_metrics_are_named() -> None:
    package = Path(attributes.__file__).parent
    sources = "".join(path.read_text("utf-8") for path in sorted(package.glob("*.py")))
    create = r'meter\.create_\w+\(\s*(?:"([\w.]+)"|(\w+))'
    found = [name or constant(package, known) for name, known in re.findall(create, sources)]

    assert len(found) > 9
    for name in found:
        assert f"| `{name}` |" in README, name


def constant(package: Path, name: str) -> str:
    for path in sorted(package.glob("*.py")):
        if match := re.search(rf'^{name} = "([\w.]+)"$', path.read_text("utf-8"), re.MULTILINE):
            return match[1]
    raise AssertionError(f"no module says what {name} is")

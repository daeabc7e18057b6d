"""The program of the README runs as it stands there, and sends what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from trioflow_otel import attributes

from .collector import decoded, running_collector

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(
    r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL
)


def test_the_program_sends_the_tree_that_is_shown() -> None:
    [program] = [text for language, text in BLOCKS if language == "python"]
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

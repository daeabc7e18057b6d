"""The program of the README prints what it says, and others do not pay for the plugin."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
BLOCKS: dict[str, str] = dict(
    re.findall(r"^```(\w+)\n(.*?)^```$", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
)


def test_the_program_prints_what_is_shown() -> None:
    command = [sys.executable, "-W", "error", "-c", BLOCKS["python"]]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert printed == BLOCKS["text"]


def test_programs_without_models_do_not_import_pydantic() -> None:
    program = """
import sys, trio
from trioflow import Workflow, open_engine, step

@step
async def same(value: dict[str, int]) -> dict[str, int]:
    return value

async def main():
    async with open_engine(plugins=["pydantic"]) as engine:
        workflow = Workflow("w", input=dict[str, int], output=dict[str, int]).then(same)
        await engine.create_run(workflow).start({"a": 1})

trio.run(main)
assert "pydantic" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)

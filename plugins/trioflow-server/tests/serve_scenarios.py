"""Serves the agreed workflows and tools: ``python serve_scenarios.py [PORT [ORIGIN...]]``.

Prints its base URL as its first line and ends at SIGTERM.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import trio

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.serving_cases import serve

SCENARIOS = Path(__file__).with_name("recorded") / "scenario-workflows.json"

if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    trio.run(serve, json.loads(SCENARIOS.read_text("utf-8")), port, sys.argv[2:])

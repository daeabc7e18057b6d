"""Serves exactly the workflows and tools of one recorded case: ``python serve_case.py CASE.json``.

Prints its base URL as its first line and ends at SIGTERM.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import trio

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.serving_cases import serve

if __name__ == "__main__":
    trio.run(serve, json.loads(Path(sys.argv[1]).read_text("utf-8")))

"""``async def`` tests run on Trio, and bodies can be imported here and by workers."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pytest_trio.enable_trio_mode import *  # type: ignore[import-untyped]  # noqa: F403

# Only where nobody else can reach the ports of Ray: see test_ray_inside.py.
collect_ignore = [] if "TRIOFLOW_RAY_ALONE" in os.environ else ["inside"]

FOLDER = str(Path(__file__).parents[1])
sys.path.append(FOLDER)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [FOLDER, os.environ.get("PYTHONPATH")]))

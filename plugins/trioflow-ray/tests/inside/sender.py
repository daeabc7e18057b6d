"""A program that sends a package to the nodes of a cluster: ADDRESS PACKAGE."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import trio
from trioflow_ray import RayRunner

from trioflow import Workflow, open_engine


async def main(address: str, package: str) -> None:
    sys.path.insert(0, str(Path(package).parent))
    far: Any = importlib.import_module(Path(package).name).far
    runner = RayRunner(address, runtime_env={"py_modules": [package]})
    async with open_engine(plugins=[], runners={"ray": runner}) as engine:
        print(await engine.run(Workflow[Any, Any]("w").then(far), 1))


if __name__ == "__main__":
    trio.run(main, sys.argv[1], sys.argv[2])

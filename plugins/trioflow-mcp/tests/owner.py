"""Keeps the server open that its arguments are the command of."""

from __future__ import annotations

import sys

import trio
from trioflow_mcp import open_mcp


async def main() -> None:
    async with open_mcp(sys.argv[1:]):
        print("open", flush=True)
        await trio.sleep_forever()


trio.run(main)

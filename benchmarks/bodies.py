"""What the steps of the benchmarks do: next to nothing, and the same on both sides."""

from __future__ import annotations

from typing import Any

import attrs
import trio


@attrs.frozen
class Position:
    """The value of the typed chains."""

    x: int
    y: int


async def noop(value: int) -> int:
    return value


async def move(position: Position) -> Position:
    return Position(position.x + 1, position.y)


async def move_as_dict(position: Position) -> dict[str, Any]:
    return {"x": position.x + 1, "y": position.y}


async def hang(value: int) -> int:
    await trio.sleep_forever()
    return value

"""What ``run.stream()`` and similar methods return: a block to be entered."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import NoReturn, TypeVar

S = TypeVar("S", covariant=True)


class Opening(AbstractAsyncContextManager[S]):
    """Opens a stream with ``async with``, and raises a clear error for any other use."""

    __slots__ = ("_block", "_call")

    def __init__(self, block: AbstractAsyncContextManager[S], call: str) -> None:
        self._block = block
        self._call = call

    # Not async, so that there is no coroutine around that of the block (shortcut `no-coroutine`).
    def __aenter__(self) -> Awaitable[S]:  # type: ignore[override]
        return self._block.__aenter__()

    def __aexit__(  # type: ignore[override]
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> Awaitable[bool | None]:
        return self._block.__aexit__(exc_type, exc, traceback)

    def __aiter__(self) -> NoReturn:
        """Reject iteration.

        Raises:
          TypeError: always.
        """
        raise TypeError(
            f"{self._call} must be entered first: async with {self._call} as stream: "
            "async for event in stream: ..."
        )

    def __await__(self) -> NoReturn:
        """Reject awaiting.

        Raises:
          TypeError: always.
        """
        raise TypeError(
            f"{self._call} cannot be awaited; use async with {self._call} as stream: ..."
        )

"""The contract of value stores, which keep large values outside of journals."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self

import attrs


@attrs.frozen
class StoredValue:
    """An object in a value store."""

    key: str
    size: int
    """The number of its bytes."""
    modified_at: float
    """When it was written: seconds since the epoch, on the clock of the storage."""


class ValueStore(ABC):
    """Keeps bytes by key: in a folder or in a bucket.

    Pass it to ``open_engine(values=...)``. All engines and workers that share a journal need the
    same one. A store that can be pickled is also used in worker processes, which then read and
    write there themselves; it is not entered there.

    Keys are strings of lowercase ASCII letters, digits, ``-``, ``_``, ``=`` and ``/``, with
    uppercase letters only after ``=``, and no part between slashes is empty. An object is written
    once and never changed. All methods are checkpoints. `trioflow.testing.check_value_store`
    checks this contract.

    Failures of the storage are raised as ``ValueStoreError(store, problem, transient)``;
    ``transient`` says whether a retry may help. Every method can simply be retried.
    """

    async def __aenter__(self) -> Self:
        """Check that the storage is there; create the folder if needed. Called by the engine."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:  # noqa: B027 - not all need it
        """Disconnect."""

    @abstractmethod
    async def write(self, key: str, content: bytes) -> None:
        """Write an object durably: on return it survives a crash.

        Readers see all of it or nothing. An object with the same key is replaced.

        **Cancellation**: leaves the whole object or none; remains of it have keys that begin with
        ``tmp/``.
        """

    @abstractmethod
    async def read(self, key: str) -> bytes | None:
        """Return the bytes of an object; None if it does not exist."""

    @abstractmethod
    async def delete(self, key: str) -> None:
        """Delete an object, if it exists."""

    @abstractmethod
    async def list_values(self, prefix: str) -> Sequence[StoredValue]:
        """Return all objects whose keys begin with *prefix*, in any order.

        Args:
          prefix: Ends with ``/``.
        """

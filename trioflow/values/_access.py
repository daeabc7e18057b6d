"""Bytes by reference: written before they are named, and checked when they are read."""

from __future__ import annotations

import hashlib
import hmac
import pickle
from functools import partial

import attrs
import trio

from trioflow._retries import Retries
from trioflow._value_refs import ContentKind, ValueRef
from trioflow.abc import Codec, ValueStore
from trioflow.errors import (
    DamagedValueError,
    MissingValueError,
    NotSerializableError,
    ValueStoreError,
)
from trioflow.values._names import SHORT, content_key, full_name_key, name_of_run, new_key
from trioflow.wire._shown import class_name


@attrs.frozen
class Access:
    """What the process of a body needs to put and to read values itself."""

    store: ValueStore
    codec: Codec | None
    patience: float
    """Seconds for which something is retried that may succeed later."""

    async def write(self, owner: str, kind: ContentKind, content: bytes) -> ValueRef[object]:
        """Write bytes durably, and return the reference.

        Raises:
          NotSerializableError: if the codec fails.
          ValueStoreError: if they cannot be written.
        """
        # In a thread: a digest of 100 MB takes a tenth of a second or more.
        stored, digest = await trio.to_thread.run_sync(self._sealed, content)
        key = new_key(owner)
        await self.retries().run(partial(self.store.write, content_key(key), stored))
        return ValueRef(key, len(stored), digest, kind, self.codec is not None)

    async def read(self, ref: ValueRef[object]) -> bytes:
        """Return the bytes that were written.

        Raises:
          MissingValueError: if they do not exist.
          DamagedValueError: if they are not those that were written, or the codec fails.
          ValueStoreError: if they cannot be read.
        """
        stored = await self.retries().run(partial(self.store.read, content_key(ref.key)))
        if stored is None:
            raise MissingValueError(repr(self.store), ref.key)
        return await trio.to_thread.run_sync(self._unsealed, ref, stored)

    async def register(self, run_id: str) -> str:
        """Return the name of a run in keys, from which its id can be found again."""
        name = name_of_run(run_id)
        if name.startswith(SHORT):
            await self.retries().run(
                partial(self.store.write, full_name_key(name), run_id.encode())
            )
        return name

    def retries(self) -> Retries:
        """Return the retries for what may succeed later, counted from now."""
        return Retries(trio.current_time() + self.patience)

    def portable(self) -> Access | None:
        """Return what other processes can use; None if it cannot be pickled."""
        try:
            pickle.dumps(self)
        except Exception:  # a store in memory, or a codec with a lock
            return None
        return self

    # ------------------------------------------------------------ in a thread
    def _sealed(self, content: bytes) -> tuple[bytes, str]:
        stored = content
        if self.codec is not None:
            try:
                stored = self.codec.encode(content)
            except Exception as exc:  # user code
                problem = f"cannot be encoded by the engine's codec ({class_name(exc)}: {exc})"
                raise NotSerializableError("", problem, "correct the codec") from exc
        return stored, hashlib.sha256(stored).hexdigest()

    def _unsealed(self, ref: ValueRef[object], stored: bytes) -> bytes:
        found = hashlib.sha256(stored).hexdigest()
        if not hmac.compare_digest(found, ref.digest):
            problem = f"its {len(stored):,} bytes are not the {ref.size:,} that were written"
            raise DamagedValueError(repr(self.store), ref.key, problem)
        if not ref.is_sealed:
            return stored
        if self.codec is None:
            problem = "its values are encoded: open the engine with the same codec"
            raise ValueStoreError(repr(self.store), problem)
        try:
            return self.codec.decode(stored)
        except Exception as exc:  # user code
            problem = f"it cannot be decoded ({class_name(exc)}: {exc})"
            raise DamagedValueError(repr(self.store), ref.key, problem) from exc

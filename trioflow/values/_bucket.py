"""A value store in a bucket: S3 and what is compatible with it, Google Cloud and Azure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from trioflow.abc import StoredValue, ValueStore
from trioflow.errors import DefinitionError, ValueStoreError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

T = TypeVar("T")

PERMANENT = (
    "InvalidPathError",
    "NotSupportedError",
    "PermissionDeniedError",
    "UnauthenticatedError",
    "UnknownConfigurationKeyError",
)
"""Names of errors that a retry does not help against."""
RETRIES = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}
"""How the library retries a request, in a thread that cannot be interrupted. The engine retries for
longer, and can be interrupted."""


class BucketValues(ValueStore):
    """Keeps values as objects in a bucket. Needs ``trioflow[bucket]``.

    ::

        BucketValues("s3://my-bucket/runs", region="eu-north-1")
        BucketValues("s3://values", endpoint="http://minio:9000", allow_http=True)

    The service must show an object to all readers as soon as it is written, as S3 does. Without
    options, credentials and region come from the environment, as for other programs
    (``AWS_ACCESS_KEY_ID``, ...).
    """

    def __init__(self, location: str | ObjectStore, **options: Any) -> None:
        """Use a bucket, or a folder in it.

        Args:
          location: Its URL (``s3://``, ``gs://``, ``az://``), or a store of the library obstore.
          options: The configuration of the store, as ``obstore.store.from_url`` takes it.

        Raises:
          DefinitionError: if the library obstore is not installed, or an option is wrong.
        """
        self._location = location
        self._options = {"retry_config": RETRIES, **options} if isinstance(location, str) else {}
        _ = self._objects  # so that a wrong option is found at once

    def __repr__(self) -> str:
        return f"BucketValues({self._location!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _bucket, (self._location, self._options)

    @cached_property
    def _objects(self) -> Any:
        try:
            from obstore.store import from_url
        except ImportError as exc:
            remedy = "install trioflow[bucket]"
            raise DefinitionError("BucketValues", "the library obstore is missing", remedy) from exc
        if not isinstance(self._location, str):
            return self._location
        try:
            return from_url(self._location, **self._options)
        except Exception as exc:  # of the library: an unknown scheme, an option that does not fit
            remedy = "see the configuration of obstore.store"
            raise DefinitionError(repr(self), _first_line(exc), remedy) from exc

    async def write(self, key: str, content: bytes) -> None:
        import obstore

        await self._in_thread(lambda: obstore.put(self._objects, key, content))

    async def read(self, key: str) -> bytes | None:
        import obstore

        try:
            return await self._in_thread(lambda: bytes(obstore.get(self._objects, key).bytes()))
        except FileNotFoundError:
            return None

    async def delete(self, key: str) -> None:
        import obstore

        try:
            await self._in_thread(lambda: obstore.delete(self._objects, key))
        except FileNotFoundError:  # some services report it
            await trio.lowlevel.checkpoint()

    async def list_values(self, prefix: str) -> Sequence[StoredValue]:
        return await self._in_thread(lambda: list(self._found(prefix)))

    def _found(self, prefix: str) -> Iterator[StoredValue]:
        import obstore

        for page in obstore.list(self._objects, prefix):
            for each in page:
                yield StoredValue(each["path"], each["size"], each["last_modified"].timestamp())

    async def _in_thread(self, work: Callable[[], T]) -> T:
        from obstore.exceptions import BaseError

        try:
            return await trio.to_thread.run_sync(work)
        except BaseError as exc:
            is_permanent = type(exc).__name__ in PERMANENT
            raise ValueStoreError(repr(self), _first_line(exc), not is_permanent) from exc


def _bucket(location: Any, options: dict[str, Any]) -> BucketValues:
    return BucketValues(location, **options)


def _first_line(exc: Exception) -> str:
    return (str(exc).splitlines() or [type(exc).__name__])[0]

"""Value stores by their URLs."""

from __future__ import annotations

from trioflow.abc import ValueStore
from trioflow.errors import DefinitionError
from trioflow.values._bucket import BucketValues
from trioflow.values._folder import FolderValues

FOLDER = "folder:"


def value_store(given: ValueStore | str) -> ValueStore:
    """Return the value store that a URL names: ``"folder:PATH"``, or that of a bucket.

    Raises:
      DefinitionError: if there is no such store.
    """
    if isinstance(given, ValueStore):
        return given
    if isinstance(given, str) and given.startswith(FOLDER) and given.strip() != FOLDER:
        return FolderValues(given.removeprefix(FOLDER))
    if isinstance(given, str) and "://" in given:
        return BucketValues(given)
    problem = f"{given!r} is no value store"
    remedy = 'use "folder:PATH", the URL of a bucket such as "s3://bucket/path", or a ValueStore'
    raise DefinitionError("values", problem, remedy)

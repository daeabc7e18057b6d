"""Classes of which users get instances but never make any."""

from __future__ import annotations

from abc import ABCMeta
from typing import NoReturn


class NoPublicConstructor(ABCMeta):
    """Metaclass of classes of which only trioflow makes instances, with ``_create``.

    Such a class says in ``_source`` where users get its instances from.
    """

    _source: str

    def __call__(cls, *args: object, **kwargs: object) -> NoReturn:
        raise TypeError(
            f"{cls.__module__}.{cls.__qualname__} has no public constructor; use {cls._source}"
        )

    _create = type.__call__
    """Makes an instance, as the call of an ordinary class does."""

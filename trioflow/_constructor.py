"""Classes that users get instances of, but cannot instantiate."""

from __future__ import annotations

from abc import ABCMeta
from typing import NoReturn


class NoPublicConstructor(ABCMeta):
    """Metaclass of classes that only trioflow instantiates, with ``_create``.

    The ``_source`` of such a class names the functions that return its instances.
    """

    _source: str

    def __call__(cls, *args: object, **kwargs: object) -> NoReturn:
        raise TypeError(
            f"{cls.__module__}.{cls.__qualname__} has no public constructor; use {cls._source}"
        )

    _create = type.__call__
    """Makes an instance, like a call of an ordinary class."""

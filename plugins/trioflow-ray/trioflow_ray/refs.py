"""Values that stay in the object store of the cluster, and what stands for them elsewhere.

A `Ref` travels as its mark. The objects of those that a body receives are arguments of its task,
so that Ray brings them to the node and prefers a node that has them. The value of one that a body
returns is a return value of its task, so that it belongs to the engine and outlives the worker.
"""

from __future__ import annotations

import logging
import types
import typing
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

from trioflow_ray.errors import RefLostError
from trioflow_ray.inside import INSIDE, ONLY_OUTPUT, Mark

T = TypeVar("T")

logger = logging.getLogger("trioflow_ray")


class Ref(Generic[T]):
    """A value that stays in the object store of the cluster and is passed on without a copy.

    A step returns one if it says so: ``-> Ref[Model]``. What gets it from there has it by
    ``ref.get()``. The object lives as long as something in the engine refers to it. Elsewhere than
    on Ray, such as in a thread, a Ref just holds its value.

    In a journal there is only a mark. It finds the object while the engine is open; afterwards, as
    when the object itself is lost, `get` raises `RefLostError`. Put a large value that has to
    last in a value store: ``ctx.put`` gives a `trioflow.ValueRef`.
    """

    __slots__ = ("__weakref__", "_mark", "_object", "_value")

    def __init__(self, value: T) -> None:
        """Refer to a value, in the body that returns it."""
        self._value: Any = value
        self._mark: Mark | None = None
        self._object: Any = None

    def get(self) -> T:
        """Return the value.

        In a body on Ray, it is there when the body begins if the Ref is part of the body's input.
        Arrays of numpy are not copied, and are read-only. In the process of the engine, the value
        is copied from the cluster, which a log record reports; this blocks the thread, so use
        ``await trio.to_thread.run_sync(ref.get)`` in a task.

        Raises:
          RefLostError: if the object is lost, or the engine that held it was closed.
          NotInWorkerError: in a body whose input does not have the Ref.
        """
        if self._mark is None:
            return typing.cast("T", self._value)
        if INSIDE:
            return typing.cast("T", INSIDE[0].value_of(self._mark))
        return typing.cast("T", self._fetch())

    @property
    def size(self) -> int | None:
        """Bytes that the value takes in the object store; None if it is not there."""
        return None if self._mark is None else self._mark.size

    @property
    def step(self) -> str | None:
        """The id of the step that has made it; None if the value is not on the cluster."""
        return None if self._mark is None else self._mark.step

    @property
    def held(self) -> Any:
        """The object reference of Ray, in the process of the engine; None if there is none."""
        return self._object

    def lost(self) -> RefLostError:
        """Return the error that says that the value is lost."""
        assert self._mark is not None
        return RefLostError(self._mark.object, self._mark.step)

    def _fetch(self) -> Any:
        if self._object is None or self._mark is None:
            raise self.lost()
        import ray

        logger.info("copying %d bytes of step %r from the cluster", self.size, self.step)
        try:
            return ray.get(self._object)
        except ray.exceptions.ObjectLostError as exc:
            raise self.lost() from exc

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ref):
            return NotImplemented
        return self is other or (self._mark is not None and self._mark == other._mark)

    def __hash__(self) -> int:
        return object.__hash__(self) if self._mark is None else hash(self._mark)

    def __repr__(self) -> str:
        if self._mark is None:
            return f"Ref({self._value!r})"
        return f"<Ref to {self._mark.size:,} bytes of step {self._mark.step!r}>"

    def __reduce__(self) -> Any:
        if self._mark is None:
            if not INSIDE:
                return Ref, (self._value,)
            INSIDE[0].give(self._value)
            return new, ()
        _taken.get({})[self._mark.object] = self
        return find, (self._mark,)


# ---------------------------------------------------------------- in the process of the engine
_known: WeakValueDictionary[str, Ref[Any]] = WeakValueDictionary()
"""The Refs of this process whose objects are there."""
_taken: ContextVar[dict[str, Ref[Any]]] = ContextVar("taken")
"""The Refs in what is being pickled, by the ids of their objects."""
_given: ContextVar[Callable[[], Ref[Any]] | None] = ContextVar("given", default=None)
"""Makes the Ref that the output that is being read has as its own."""


class Shelf:
    """The Refs of one open runner."""

    def __init__(self) -> None:
        self._id = uuid.uuid4().hex
        self._refs: WeakValueDictionary[str, Ref[Any]] = WeakValueDictionary()

    def add(self, object: Any, step: str) -> Ref[Any]:
        """Return the Ref to an object that a step has made."""
        import ray
        from ray.experimental import get_local_object_locations

        ray.wait([object], fetch_local=False)  # it is there, and Ray may not have noted its size
        size = get_local_object_locations([object])[object]["object_size"]
        # Another cluster may give the same id to something else.
        mark = Mark(f"{self._id}@{object.hex()}", step, size)
        ref = _marked(mark, object)
        _known[mark.object] = self._refs[mark.object] = ref
        return ref

    def close(self) -> None:
        """Let go of all objects: the cluster may be gone."""
        for id, ref in list(self._refs.items()):
            ref._object = None
            _known.pop(id, None)
            _recorded.pop(id, None)


_recorded: dict[str, Ref[Any]] = {}
"""The Refs that are in journals, where only a mark refers to them. They stay until the end of
their runner."""


def keep(ref: Ref[Any]) -> Mark | None:
    """Return the mark of a Ref for a journal, and keep its object; None if it has no mark."""
    if ref._mark is not None and ref._object is not None:
        _recorded[ref._mark.object] = ref
    return ref._mark


def find(mark: Mark) -> Ref[Any]:
    """Return the Ref with a mark; one whose value is lost if this process does not know it."""
    return _known.get(mark.object) or _marked(mark, None)


def new() -> Ref[Any]:
    """Return the Ref that a body has made, where its output is read."""
    make = _given.get()
    if make is None:
        raise TypeError(ONLY_OUTPUT)
    return make()


@contextmanager
def taking() -> Generator[dict[str, Ref[Any]], None, None]:
    """Yield the Refs that are pickled in the block and have marks, by the ids of their objects."""
    taken: dict[str, Ref[Any]] = {}
    token = _taken.set(taken)
    try:
        yield taken
    finally:
        _taken.reset(token)


@contextmanager
def giving(make: Callable[[], Ref[Any]] | None) -> Generator[None, None, None]:
    """Let the output that is unpickled in the block have a Ref of its own."""
    token = _given.set(make)
    try:
        yield
    finally:
        _given.reset(token)


def _marked(mark: Mark, object: Any) -> Ref[Any]:
    ref = Ref[Any](None)
    ref._mark, ref._object = mark, object
    return ref


# ---------------------------------------------------------------- types
def is_ref(type_: Any) -> bool:
    """Return whether a type is a Ref."""
    return type_ is Ref or typing.get_origin(type_) is Ref


def may_be_ref(type_: Any) -> bool:
    """Return whether values of a type can be Refs, as ``Ref[int] | None``."""
    if typing.get_origin(type_) in (typing.Union, types.UnionType, typing.Annotated):
        return any(map(may_be_ref, typing.get_args(type_)))
    return is_ref(type_)

"""Resources: what steps share, opened on first use and closed when the engine is."""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import Context, copy_context
from typing import Any, TypeAlias

import attrs
import trio

from trioflow.context import StepContext
from trioflow.errors import DefinitionError, ResourceTypeError, UnknownNameError

OpenResource: TypeAlias = Callable[[], AbstractAsyncContextManager[Any]]
"""Returns an async context manager that opens and closes a resource."""

logger = logging.getLogger("trioflow")


class Resources:
    """The resources of an engine, or of a worker process.

    Each is opened by a task of its own when it is first asked for, and closed by the same task, so
    a resource may hold nurseries and cancel scopes. They are closed in the reverse order.
    """

    def __init__(self, openers: Mapping[str, OpenResource]) -> None:
        """Know how to open resources, by their names. Opens none."""
        self.openers = openers
        self._kept: dict[str, _Kept] = {}
        """The last attempt to open each."""
        self._opened: list[_Kept] = []
        """Those that are open, in the order in which they were opened."""
        self._nursery: trio.Nursery | None = None
        self._context: Context = copy_context()

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[None, None]:
        """Let resources be opened; those that are open are closed when the block is left.

        What goes wrong while one is closed is logged, and the others are closed all the same.

        **Cancellation**: resources stay open until the block is left. Then cancellation reaches
        what they do to close themselves.
        """
        raised: BaseException | None = None
        self._context = copy_context()
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                yield
            except BaseException as exc:
                raised = exc  # kept out of the nursery, which would cancel what is being closed
            await self._close()
        if raised is not None:
            raise raised

    async def get(self, name: str, type_: Any, where: str) -> Any:
        """Return a resource, and open it if it is not open.

        Args:
          name: Name of the resource.
          type_: Class that it must be an instance of; any other type is not checked.
          where: What asks, for errors: ``"step 'fetch'"``.

        Raises:
          UnknownNameError: if there is no resource of that name.
          ResourceTypeError: if it is of another class.
          ClosedResourceError: if the engine is being closed.
          Exception: what its context manager raised; the next call tries again.

        **Cancellation**: the resource is opened nevertheless; others may be waiting for it.

        **Checkpoints**: always at least a cancellation point.
        """
        kept = self._kept.get(name)
        if kept is None or kept.is_over:
            kept = self._start(name, where)
        if kept.is_open:
            await trio.lowlevel.checkpoint_if_cancelled()
        else:
            await kept.answered.wait()
        if kept.error is not None:
            raise kept.error
        if not _is_instance(kept.value, type_):
            received = type(kept.value).__name__
            raise ResourceTypeError(where, name, type_.__name__, received)
        return kept.value

    def opener(self, name: str, where: str) -> OpenResource:
        """Return what opens a resource.

        Raises:
          UnknownNameError: if there is none of that name.
        """
        if name not in self.openers:
            raise UnknownNameError("resource", name, where, tuple(self.openers))
        return self.openers[name]

    def _start(self, name: str, where: str) -> _Kept:
        opener = self.opener(name, where)
        if self._nursery is None:
            raise _closed()
        kept = self._kept[name] = _Kept(name, opener)
        # In the context of the engine: what the step that asks first has set is its own.
        self._context.run(self._nursery.start_soon, self._keep, kept)
        return kept

    async def _keep(self, kept: _Kept) -> None:
        """Open a resource, keep it open, and close it."""
        try:
            with kept.scope:
                async with _manager(kept) as kept.value:
                    self._opened.append(kept)
                    kept.answered.set()
                    await kept.closing.wait()
                    kept.scope.shield = False
        except BaseException as exc:
            failed, passing = _split(exc)
            if failed is not None:
                kept.fail(failed)
            if passing is not None:
                raise passing from None
        finally:
            kept.is_over = True
            if kept in self._opened:
                self._opened.remove(kept)
            if not kept.answered.is_set():
                kept.error = kept.error or _closed()
                kept.answered.set()
            kept.over.set()

    async def _close(self) -> None:
        self._nursery = None
        opening = [kept for kept in self._kept.values() if not kept.answered.is_set()]
        with trio.CancelScope(shield=True):
            for kept in opening:
                kept.scope.cancel()
            for kept in [*opening, *reversed(self._opened)]:
                kept.closing.set()
                await kept.over.wait()


@attrs.define(eq=False)
class _Kept:
    """A resource, from the attempt to open it on."""

    name: str
    open: OpenResource
    value: Any = None
    error: BaseException | None = None
    """Why it could not be opened."""
    scope: trio.CancelScope = attrs.field(factory=lambda: trio.CancelScope(shield=True))
    """Around its whole life: what ends runs must not end what their clean-up needs."""
    answered: trio.Event = attrs.field(factory=trio.Event)
    """Set when it is open, or could not be opened."""
    closing: trio.Event = attrs.field(factory=trio.Event)
    over: trio.Event = attrs.field(factory=trio.Event)
    is_over: bool = False

    @property
    def is_open(self) -> bool:
        return self.answered.is_set() and not self.is_over

    def fail(self, error: BaseException) -> None:
        """Take note of what its context manager raised."""
        if not self.answered.is_set():
            self.error = error
            return
        doing = "closing" if self.closing.is_set() else "keeping open"
        shown = (type(error), error, error.__traceback__)
        logger.error("%s resource %r failed", doing, self.name, exc_info=shown)


def _manager(kept: _Kept) -> AbstractAsyncContextManager[Any]:
    manager: Any = kept.open()
    if not hasattr(type(manager), "__aenter__") or not hasattr(type(manager), "__aexit__"):
        where, problem = f"resource {kept.name!r}", f"{manager!r} is not an async context manager"
        raise DefinitionError(where, problem, "use contextlib.asynccontextmanager")
    found: AbstractAsyncContextManager[Any] = manager
    return found


def _is_instance(value: object, type_: Any) -> bool:
    try:
        return not inspect.isclass(type_) or isinstance(value, type_)
    except TypeError:  # a protocol that only type checkers can check
        return True


def resource_opener(ctx: StepContext[Any], name: str) -> OpenResource:
    """Return what opens a resource, for runners that run bodies in other processes.

    There a resource is opened again, by `Resources` of that process.

    Raises:
      UnknownNameError: if there is no resource of that name.
    """
    opener: OpenResource = ctx._call.resource_opener(name)
    return opener


def check_opener(name: object, given: object) -> None:
    """Check what was given to open a resource.

    Raises:
      DefinitionError: if it cannot open one.
    """
    where = f"resource {name!r}"
    if not isinstance(name, str) or not name:
        raise DefinitionError(where, "its name is not a string", "use a name such as 'http'")
    if isinstance(given, AbstractAsyncContextManager) or not callable(given):
        problem = f"{given!r} is not a function that returns an async context manager"
        raise DefinitionError(where, problem, "give the function itself, without calling it")


def _split(exc: BaseException) -> tuple[BaseException | None, BaseException | None]:
    """Return what failed, and what must be raised on: a cancellation, or Ctrl-C."""
    passing = (trio.Cancelled, KeyboardInterrupt)
    if isinstance(exc, BaseExceptionGroup):
        passed, failed = exc.split(passing)
        return failed, passed
    return (None, exc) if isinstance(exc, passing) else (exc, None)


def _closed() -> trio.ClosedResourceError:
    return trio.ClosedResourceError("a resource can be used only while its engine is open")

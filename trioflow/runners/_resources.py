"""Resources: objects that steps share, opened on first use and closed with the engine."""

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

    Each resource is opened by its own task when it is first requested, and closed by the same
    task, so it may hold nurseries and cancel scopes. Resources are closed in reverse order.
    """

    def __init__(self, openers: Mapping[str, OpenResource]) -> None:
        """Take the functions that open resources, by name. Opens none of them."""
        self.openers = openers
        self._kept: dict[str, _Kept] = {}
        """The last attempt to open each resource."""
        self._opened: list[_Kept] = []
        """The open resources, in the order in which they were opened."""
        self._nursery: trio.Nursery | None = None
        self._context: Context = copy_context()

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[None, None]:
        """Allow resources to be opened inside the block; close them when it exits.

        If closing a resource fails, the error is logged and the others are still closed.

        **Cancellation**: resources stay open until the block exits. From then on, cancellation
        also reaches their clean-up.
        """
        raised: BaseException | None = None
        self._context = copy_context()
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                yield
            except BaseException as exc:
                raised = exc  # inside the nursery it would cancel the closing
            await self._close()
        if raised is not None:
            raise raised

    async def get(self, name: str, type_: Any, where: str) -> Any:
        """Return a resource, and open it if it is not open.

        Args:
          name: Name of the resource.
          type_: Class that it must be an instance of; any other type is not checked.
          where: The requester, for errors: ``"step 'fetch'"``.

        Raises:
          UnknownNameError: if there is no resource of that name.
          ResourceTypeError: if it is not an instance of *type_*.
          ClosedResourceError: if the engine is being closed.
          Exception: what its context manager raised; the next call tries again.

        **Cancellation**: the resource is still opened, because other tasks may wait for it.

        **Checkpoints**: always at least a cancellation point.
        """
        kept = self._kept.get(name)
        if kept is None or kept.has_ended:
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
        """Return the function that opens a resource.

        Raises:
          UnknownNameError: if there is no resource of that name.
        """
        if name not in self.openers:
            raise UnknownNameError("resource", name, where, tuple(self.openers))
        return self.openers[name]

    def _start(self, name: str, where: str) -> _Kept:
        opener = self.opener(name, where)
        if self._nursery is None:
            raise _closed()
        kept = self._kept[name] = _Kept(name, opener)
        # Use the engine's context: the resource must not see variables of the first requester.
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
            kept.has_ended = True
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
    """A resource that is being opened, is open, or was closed."""

    name: str
    open: OpenResource
    value: Any = None
    error: BaseException | None = None
    """Why the resource could not be opened."""
    scope: trio.CancelScope = attrs.field(factory=lambda: trio.CancelScope(shield=True))
    """Around its whole life: canceling runs must not close what their clean-up needs."""
    answered: trio.Event = attrs.field(factory=trio.Event)
    """Set when the resource is open, or opening it failed."""
    closing: trio.Event = attrs.field(factory=trio.Event)
    over: trio.Event = attrs.field(factory=trio.Event)
    has_ended: bool = False

    @property
    def is_open(self) -> bool:
        return self.answered.is_set() and not self.has_ended

    def fail(self, error: BaseException) -> None:
        """Record or log the error that its context manager raised."""
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
    except TypeError:  # a protocol that is not runtime-checkable
        return True


def resource_opener(ctx: StepContext[Any], name: str) -> OpenResource:
    """Return the function that opens a resource, for runners that use other processes.

    Each process opens its own instance of a resource, with its own `Resources`.

    Raises:
      UnknownNameError: if there is no resource of that name.
    """
    opener: OpenResource = ctx._call.resource_opener(name)
    return opener


def check_opener(name: object, given: object) -> None:
    """Check the name and the opener of a resource.

    Raises:
      DefinitionError: if the name is not a string, or the opener is not a function.
    """
    where = f"resource {name!r}"
    if not isinstance(name, str) or not name:
        problem = "its name is not a non-empty string"
        raise DefinitionError(where, problem, "use a name such as 'http'")
    if isinstance(given, AbstractAsyncContextManager) or not callable(given):
        problem = f"{given!r} is not a function that returns an async context manager"
        raise DefinitionError(where, problem, "pass the function itself, without calling it")


def _split(exc: BaseException) -> tuple[BaseException | None, BaseException | None]:
    """Return the failures, and what must propagate: a cancellation, or Ctrl-C."""
    passing = (trio.Cancelled, KeyboardInterrupt)
    if isinstance(exc, BaseExceptionGroup):
        passed, failed = exc.split(passing)
        return failed, passed
    return (None, exc) if isinstance(exc, passing) else (exc, None)


def _closed() -> trio.ClosedResourceError:
    return trio.ClosedResourceError("a resource can be used only while its engine is open")

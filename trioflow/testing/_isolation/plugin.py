"""A plugin whose hooks, instrument and runner run code of a trial."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Literal

from trioflow.abc import BodyInfo, Instrument, PartInfo, Runner
from trioflow.events import Event
from trioflow.hookspecs import hookimpl
from trioflow.testing._isolation.values import Refused

if TYPE_CHECKING:
    from cattrs import Converter

    from trioflow.context import StepContext

Moment = Literal["on_begin", "on_event", "around_body", "enter", "exit"]
"""The moments at which an instrument is called."""


class Written:
    """A value whose unstructure hook and ``str()`` call these functions."""

    def __init__(
        self, hook: Callable[[], Any] = lambda: None, text: Callable[[], str] = lambda: ""
    ) -> None:
        self.hook = hook
        self.text = text

    def __str__(self) -> str:
        return self.text()


class _Anything(type):
    def __instancecheck__(cls, value: object) -> bool:
        return True


class Made(metaclass=_Anything):
    """The type of values that a structure hook makes from the name of a function."""


class Meddler(Instrument, Runner):
    """The plugin, its instrument and its runner in one."""

    def __init__(self) -> None:
        self.hooks: dict[str, Callable[[], Any]] = {}
        """The functions that make values of type `Made`, by name."""
        self.watches: dict[tuple[str, Moment], Callable[[], Any]] = {}
        """The functions that the instrument calls, by run id and moment."""

    def made_by(self, hook: Callable[[], Any]) -> str:
        """Return data from which *hook* makes a value of type `Made`."""
        name = f"hook {len(self.hooks)}"
        self.hooks[name] = hook
        return name

    # ------------------------------------------------------------ plugin
    @hookimpl
    def trioflow_instruments(self) -> Iterable[Instrument]:
        return [self]

    @hookimpl
    def trioflow_runner(self, name: str) -> Runner | None:
        return self if name == "meddler" else None

    @hookimpl
    def trioflow_converter(self, converter: Converter) -> None:
        converter.register_structure_hook(Made, lambda data, _: self._make(data))
        converter.register_unstructure_hook(Made, lambda value: value)
        converter.register_structure_hook_func(
            lambda cls: isinstance(cls, type) and issubclass(cls, Written), lambda data, cls: cls()
        )
        converter.register_unstructure_hook(Written, lambda value: value.hook())
        converter.register_unstructure_hook(Refused, _refuse)

    def _make(self, data: Any) -> Any:
        return self.hooks[data]() if data in self.hooks else data

    # ------------------------------------------------------------ instrument
    async def __aenter__(self) -> Meddler:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Do nothing: there is nothing to close."""

    def on_begin(self, part: PartInfo) -> None:
        self._at(part.run_id, "on_begin")

    def on_event(self, event: Event) -> None:
        self._at(event.run_id, "on_event")

    def around_body(self, body: BodyInfo) -> AbstractContextManager[Any]:
        self._at(body.run_id, "around_body")
        return self._around(body.run_id)

    @contextmanager
    def _around(self, run_id: str) -> Generator[None, None, None]:
        self._at(run_id, "enter")
        try:
            yield
        finally:
            self._at(run_id, "exit")

    def _at(self, name: str, moment: Moment) -> None:
        watch = self.watches.get((name, moment))
        if watch is not None:
            watch()

    # ------------------------------------------------------------ runner
    async def run(
        self, ctx: StepContext[Any], fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        return await fn(*args, **kwargs)


def _refuse(value: Refused) -> Any:
    raise LookupError("nothing to write")

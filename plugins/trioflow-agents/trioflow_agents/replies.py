"""What replies of providers have in common: tool calls in pieces, and faults of the replies."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Iterator

from attrs import define, field

from trioflow_agents.errors import ModelError
from trioflow_agents.model import ArgumentsDelta, Finish, Usage

ODD = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What reading a reply raises that is not as its interface says."""


def odd_reply(problem: object) -> ModelError:
    """Return the error for a reply that is not as its interface says."""
    return ModelError(f"the reply does not follow its interface: {problem}")


def _names(given: Iterable[str]) -> frozenset[str]:
    return frozenset(given)


@define
class _Call:
    id: str = ""
    """What the provider has sent of the id so far."""
    name: str = ""
    """What it has sent of the name so far."""
    held: str = ""
    """Arguments that came before the id or the name."""
    told_id: str = ""
    """The id in the pieces that readers get; empty before the first one."""


@define
class Calls:
    """The tool calls of one reply. Whatever a server does, each has a name and an id of its own.

    Servers may send a name or an id in pieces, repeat them, or send them late. So the first piece
    of a call waits for its id, its name and the beginning of its arguments, or for the end of the
    call; then it has the whole name.
    """

    known: frozenset[str] = field(default=(), converter=_names)
    """The names of the tools in the request, by which repeated names are told from pieces."""
    _calls: dict[Hashable, _Call] = field(factory=dict, init=False)
    _waiting: deque[_Call] = field(factory=deque, init=False)
    """Calls without a piece yet, in the order in which they began."""
    _ids: set[str] = field(factory=set, init=False)

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(
        self, key: Hashable, id: str | None, name: str | None, arguments: str
    ) -> Iterator[ArgumentsDelta]:
        """Yield the pieces that can be told after another part of a call has arrived.

        Args:
          key: What the parts of one call have in common, unless another call begins: with another
            id after the arguments, or with the id and name of another call.
        """
        call = self._calls.get(key)
        if call is None or self._is_another(call, id or "", name or ""):
            if call is not None:
                yield from self._begin(call)
            call = self._calls[key] = _Call()
            self._waiting.append(call)
        if call.told_id:
            if arguments:
                yield ArgumentsDelta(call.told_id, call.name, arguments)
            return
        self._join(call, id or "", name or "")
        call.held += arguments
        if call.id and call.name and call.held:
            yield from self._begin(call)

    def end(
        self, key: Hashable, id: str | None, name: str | None, arguments: str
    ) -> Iterator[ArgumentsDelta]:
        """Yield what is left of a call that is complete.

        Args:
          id: The whole id, if the server repeats it. So are *name* and *arguments*.
        """
        call = self._calls.get(key)
        if call is None:
            call = self._calls[key] = _Call()
            self._waiting.append(call)
        if not call.told_id:
            call.id, call.name = id or call.id, name or call.name
            call.held = arguments or call.held
            yield from self._begin(call)

    def rest(self) -> Iterator[ArgumentsDelta]:
        """Yield what is left of all calls at the end of the reply."""
        if self._waiting:
            yield from self._begin(self._waiting[-1])

    def _begin(self, call: _Call) -> Iterator[ArgumentsDelta]:
        """Yield the first piece of a call, after those of the calls before it."""
        while not call.told_id:
            first = self._waiting.popleft()
            first.told_id, first.name = self._new_id(mended(first.id)), mended(first.name)
            yield ArgumentsDelta(first.told_id, first.name, first.held)

    def _is_another(self, call: _Call, id: str, name: str) -> bool:
        """Return whether a part belongs to another call than the last one with its key."""
        is_other_id = bool(id and call.id and id != call.id)
        if not (call.told_id or call.held):
            return is_other_id and bool(name) and self._is_whole(call.name, name)
        if id and call.id:
            return is_other_id
        return bool(name and call.name and name != call.name)

    def _join(self, call: _Call, id: str, name: str) -> None:
        if id != call.id:
            call.id += id
        if name != call.name or not self._is_whole(call.name, name):
            call.name += name

    def _is_whole(self, name: str, more: str) -> bool:
        """Return whether a name is that of a tool, and that of none with more of it."""
        return name in self.known and not any(each.startswith(name + more) for each in self.known)

    def _new_id(self, given: str) -> str:
        id = given or f"call-{len(self._ids)}"
        number = 1
        while id in self._ids:
            number += 1
            id = f"{given or 'call'}-{number}"
        self._ids.add(id)
        return id


def check_piece(piece: object) -> None:
    """Check that a piece of a reply has the right types.

    Raises:
      ModelError: if it has not.
    """
    match piece:
        case str() | ArgumentsDelta(str(), str(), str()):
            return
        case Usage():
            tokens = (piece.input_tokens, piece.output_tokens, piece.cached_tokens)
            if all(type(each) is int and each >= 0 for each in (*tokens, piece.reasoning_tokens)):
                return
        case Finish(str(), str() | None, str() | None):
            return
    raise odd_reply(f"it has the piece {piece!r:.200}")


def mended(text: str) -> str:
    """Return a text that can be sent: halves of characters are joined, and replaced if alone."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text

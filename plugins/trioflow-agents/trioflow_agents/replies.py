"""What replies of providers have in common: tool calls in pieces, and faults of the replies."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from attrs import define, field

from trioflow_agents.errors import ModelError
from trioflow_agents.model import ArgumentsDelta, Finish, Usage

ODD = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What reading a reply raises that is not as its interface says."""


def odd_reply(problem: object) -> ModelError:
    """Return the error for a reply that is not as its interface says."""
    return ModelError(f"the reply does not follow its interface: {problem}")


@define
class _Call:
    given: str | None
    """The id that the provider gave."""
    id: str
    name: str = ""
    held: str = ""
    """Arguments that came before the name."""


@define
class Calls:
    """The tool calls of one reply. Whatever a server does, each has a name and an id of its own."""

    _calls: dict[Hashable, _Call] = field(factory=dict)
    _ids: set[str] = field(factory=set)

    def __bool__(self) -> bool:
        return bool(self._ids)

    def add(
        self, key: Hashable, id: str | None, name: str | None, arguments: str
    ) -> Iterator[ArgumentsDelta]:
        """Yield the piece of a call that has arrived, unless its name is not known yet.

        Args:
          key: What the pieces of one call have in common. With another id, another call begins.
        """
        call = self._calls.get(key)
        if call is None or (id and call.given and id != call.given):
            if call is not None:
                yield from self._rest(call)
            call = self._calls[key] = _Call(id, self._new_id(id))
        call.given = call.given or id
        if not call.name:
            call.held += arguments
            call.name, arguments = name or "", call.held
        if call.name:
            call.held = ""
            yield ArgumentsDelta(call.id, call.name, arguments)

    def rest(self) -> Iterator[ArgumentsDelta]:
        """Yield the calls that have no name until the end."""
        for call in self._calls.values():
            yield from self._rest(call)

    def _rest(self, call: _Call) -> Iterator[ArgumentsDelta]:
        if not call.name:
            yield ArgumentsDelta(call.id, "", call.held)

    def _new_id(self, given: str | None) -> str:
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

"""The messages of a conversation, as no provider in particular has them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from attrs import field, frozen


@frozen
class Text:
    """A part of a message that is text."""

    text: str


@frozen
class Image:
    """A part of a message that is an image: an address, or the bytes themselves."""

    url: str | None = None
    data: bytes | None = None
    media_type: str = "image/png"

    def __attrs_post_init__(self) -> None:
        if (self.url is None) == (self.data is None):
            raise ValueError("an Image has either a url or data")


@frozen
class File:
    """A part of a message that is a file."""

    name: str
    data: bytes
    media_type: str = "application/pdf"


Part: TypeAlias = Text | Image | File
"""One part of what a user says."""


def _content(given: str | Iterable[Part]) -> str | tuple[Part, ...]:
    return given if isinstance(given, str) else tuple(given)


@frozen
class System:
    """What the model is told about its task."""

    text: str


@frozen
class User:
    """What a user says: a string, or parts."""

    content: str | tuple[Part, ...] = field(converter=_content)


@frozen
class ToolRequest:
    """A tool call that the model asks for."""

    id: str
    """Id of the call, chosen by the provider."""
    name: str
    """Name of the tool, as in the request."""
    arguments: str
    """The arguments as the model wrote them; they should be a JSON object."""


def calls_from(given: Iterable[ToolRequest]) -> tuple[ToolRequest, ...]:
    """Return calls as a tuple; a converter."""
    return tuple(given)


@frozen
class Assistant:
    """What the model says, and the tool calls that it asks for."""

    text: str = ""
    calls: tuple[ToolRequest, ...] = field(default=(), converter=calls_from)


@frozen
class ToolAnswer:
    """The output of a tool call, or what went wrong."""

    call_id: str
    name: str
    content: str
    is_error: bool = False


Message: TypeAlias = System | User | Assistant | ToolAnswer
"""One message of a conversation."""


def messages_from(given: Iterable[Message]) -> tuple[Message, ...]:
    """Return messages as a tuple; a converter."""
    return tuple(given)

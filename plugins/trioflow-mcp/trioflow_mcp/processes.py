"""Messages with the process of a server: one in each line of its standard input and output.

The SDK's transport keeps a line of whatever length until it ends, and copies it with each part that
arrives. Here a line has a bound, and a server that exceeds it loses its connection.
"""

from __future__ import annotations

import codecs
import logging
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any, TextIO

import mcp_types as types
import trio
from anyio import BrokenResourceError, ClosedResourceError, create_memory_object_stream
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from attrs import define, field
from mcp.client.stdio import StdioServerParameters, get_default_environment
from mcp.os.posix.utilities import terminate_posix_process_tree
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

from trioflow_mcp.messages import LARGEST

FLUSH = 0.5
"""Seconds that messages get to leave when the connection closes."""
END = 2.0
"""Seconds that a process gets to end after its standard input was closed."""

logger = logging.getLogger("trioflow.mcp")
Item = SessionMessage | Exception


class UnreadableError(Exception):
    """What a server wrote cannot be read, so no more of it is."""


@define(eq=False)
class Lines:
    """Splits what a process writes into lines of a bounded length."""

    decoder: codecs.IncrementalDecoder
    largest: int = LARGEST
    _parts: list[str] = field(factory=list)
    _length: int = 0

    def add(self, data: bytes) -> list[str]:
        """Return the lines that end in the next part.

        Raises:
          UnreadableError: if a line is too long, or not in the encoding.
        """
        try:
            *ends, rest = self.decoder.decode(data).split("\n")
        except UnicodeDecodeError as exc:
            raise UnreadableError(f"it sent something that is no text: {exc}") from exc
        found = []
        for end in ends:
            found.append("".join((*self._parts, end)))
            self._parts.clear()
            self._length = 0
        self._parts.append(rest)
        self._length += len(rest)
        if self._length > self.largest:
            raise UnreadableError(f"it sent a line of more than {self.largest:,} characters")
        return found


@define(eq=False)
class ProcessTransport:
    """The connection to one process."""

    process: trio.Process
    server: StdioServerParameters
    incoming: MemoryObjectSendStream[Item]
    outgoing: MemoryObjectReceiveStream[SessionMessage]
    written: trio.Event = field(factory=trio.Event)
    """Set when no more messages will be sent."""

    async def read(self) -> None:
        """Give the session what the process writes; then read on, so that it can end."""
        decoder = codecs.getincrementaldecoder(self.server.encoding)
        lines = Lines(decoder(self.server.encoding_error_handler))
        output: Any = self.process.stdout
        async with output:
            with suppress(BrokenResourceError, ClosedResourceError):
                async with self.incoming:
                    async for data in output:
                        try:
                            found = lines.add(data)
                        except UnreadableError as exc:
                            await self.incoming.send(exc)
                            return
                        for line in found:
                            await self.incoming.send(_parsed(line))
            async for _ in output:
                pass

    async def write(self) -> None:
        """Send messages until there are no more, or the process does not take them."""
        given: Any = self.process.stdin
        try:
            async with given:
                async for item in self.outgoing:
                    text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
                    encoding, errors = self.server.encoding, self.server.encoding_error_handler
                    await given.send_all(f"{text}\n".encode(encoding, errors))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await self.incoming.aclose()  # the session must not wait for answers
        finally:
            self.written.set()

    async def end(self) -> None:
        """Close standard input once all is sent, and see that the process ends."""
        given: Any = self.process.stdin
        with trio.move_on_after(FLUSH):
            await self.written.wait()
        await given.aclose()
        with trio.move_on_after(END):
            await self.process.wait()
            return
        process: Any = self.process
        await terminate_posix_process_tree(process, END)
        with trio.move_on_after(END):
            await self.process.wait()


def _parsed(line: str) -> Item:
    try:
        return SessionMessage(types.jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValidationError as exc:
        logger.debug("a line that is no message: %r", line[:200])
        return exc


@asynccontextmanager
async def open_process(
    server: StdioServerParameters, errors: TextIO
) -> AsyncGenerator[tuple[Any, Any], None]:
    """Start a server, and yield the streams of messages from and to it.

    Leaving the block ends the process: its standard input is closed; if it does not end then, it
    and all that it started get a signal to end, and are killed at last.

    Args:
      errors: What the process has as standard error.

    Raises:
      OSError: if it cannot be started.
    """
    process = await trio.lowlevel.open_process(
        [server.command, *server.args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=get_default_environment() | (server.env or {}),
        cwd=server.cwd,
        start_new_session=True,
    )
    incoming, to_session = create_memory_object_stream[Item](0)
    from_session, outgoing = create_memory_object_stream[SessionMessage](0)
    transport = ProcessTransport(process, server, incoming, outgoing)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(transport.read)
        nursery.start_soon(transport.write)
        try:
            with incoming, to_session, from_session, outgoing:
                try:
                    yield to_session, from_session
                finally:
                    to_session.close()
                    from_session.close()
                    with trio.CancelScope(shield=True):  # every wait has a bound
                        await transport.end()
        finally:
            nursery.cancel_scope.cancel()

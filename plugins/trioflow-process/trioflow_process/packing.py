"""An exception that gets through in any case, if need be as a text."""

from __future__ import annotations

import pickle
import traceback

import attrs

from trioflow.wire import RecordedError
from trioflow_process.pickling import dumps


@attrs.frozen
class PackedError:
    """An exception on its way to the other process."""

    content: bytes
    """The exception itself; empty if that is impossible."""
    name: str
    message: str
    traceback: str

    def unpack(self) -> BaseException:
        """Return the exception, or one that says the same if this process cannot have it."""
        if self.content:
            try:
                exc: BaseException = pickle.loads(self.content)
            except Exception as reading:
                return self._recorded(f"reading it fails with {type(reading).__name__}: {reading}")
            return exc
        return self._recorded("it cannot be pickled")

    def _recorded(self, reason: str) -> RecordedError:
        error = RecordedError(self.name, self.message, self.traceback)
        error.add_note(f"The exception itself stayed in its process, because {reason}.")
        return error


def pack_error(exc: BaseException) -> PackedError:
    """Pack an exception."""
    text = "".join(traceback.format_exception(exc))
    return PackedError(_content(exc, text), type(exc).__name__, str(exc), text)


def _content(exc: BaseException, text: str) -> bytes:
    try:
        return dumps(exc)
    except Exception:
        # Something around it is to blame, or there are a thousand nested calls around it.
        exc.add_note(f"In the other process:\n{text}")
    try:
        return dumps(exc, bare=True)
    except Exception:
        return b""

"""Send an exception to another process; as a string if it cannot be pickled."""

from __future__ import annotations

import pickle
import traceback

import attrs

from trioflow.wire import RecordedError
from trioflow_process.pickling import dumps


@attrs.frozen
class PackedError:
    """An exception to send to another process."""

    content: bytes
    """The pickled exception; empty if it cannot be pickled."""
    name: str
    message: str
    traceback: str

    def unpack(self) -> BaseException:
        """Return the exception, or a `RecordedError` if this process cannot unpickle it."""
        if self.content:
            try:
                exc: BaseException = pickle.loads(self.content)
            except Exception as reading:
                return self._recorded(f"reading it fails with {type(reading).__name__}: {reading}")
            return exc
        return self._recorded("it cannot be pickled")

    def _recorded(self, reason: str) -> RecordedError:
        error = RecordedError(self.name, self.message, self.traceback)
        error.add_note(f"The original exception is not available here, because {reason}.")
        return error


def pack_error(exc: BaseException) -> PackedError:
    """Pack an exception."""
    text = "".join(traceback.format_exception(exc))
    return PackedError(_content(exc, text), type(exc).__name__, str(exc), text)


def _content(exc: BaseException, text: str) -> bytes:
    try:
        return dumps(exc)
    except Exception:
        # Its cause or context cannot be pickled, or its traceback is nested too deeply.
        exc.add_note(f"In the other process:\n{text}")
    try:
        return dumps(exc, bare=True)
    except Exception:
        return b""

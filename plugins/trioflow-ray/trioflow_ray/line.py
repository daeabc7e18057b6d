"""What a worker sends to the mailbox of the body that it runs."""

from __future__ import annotations

import itertools
import pickle
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import attrs
import ray

from trioflow.runners.remote import Answer, Ask, Begun, LogRecord

NAMESPACE = "trioflow"
MOST = 100
"""Number of log records that are sent at once."""
LATEST = 0.05
"""Seconds that a log record waits for others, and that the run need not know that a body without
a timeout has begun. Most bodies have ended by then, and it costs as much as the rest of a body."""


@attrs.frozen
class Records:
    """Log records; the content is a list with that of each."""


@attrs.frozen
class BegunOn:
    """The body begins, on the node with this id."""

    node: str


class MailboxLine:
    """The connection of this worker to the mailbox of its body. A `Line` of the kit."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.ids: Iterator[int] = itertools.count()
        self.waiting: dict[int, Future[tuple[Answer, Any]]] = {}
        self.sent = 0
        self.node = ray.get_runtime_context().get_node_id()
        self._call = 0
        self._name = ""
        self._mailboxes: dict[str, Any] = {}
        self._records: list[bytes] = []
        self._tells_late = False
        self._begun: BegunOn | None = None
        self._has_news = threading.Event()
        self._sender: threading.Thread | None = None

    def begin(self, call: int, name: str, *, tells_late: bool) -> None:
        """Send what follows to the mailbox of this name, for this call.

        Args:
          tells_late: Whether it is enough to tell the run later that the body has begun.
        """
        with self.lock:
            self._call, self._name, self.sent = call, name, 0
            self._tells_late = tells_late

    def end(self) -> int:
        """Send what is left, and return how many messages the body has sent."""
        with self.lock:
            self._begun = None
            self._send_records()
        return self.sent

    def send(self, message: Any, content: bytes = b"") -> None:
        """Send a message; hold the lock. Log records wait for others."""
        if isinstance(message, LogRecord):
            self._add_record(content)
            return
        if isinstance(message, Begun):
            message = BegunOn(self.node)
            if self._tells_late:
                self._begun = message
                self._send_soon()
                return
        self._send_waiting()  # what was before
        if not isinstance(message, Ask):
            self._tell(message, content)
            return
        id, packed = message.id, pickle.dumps(message)
        asked = self._mailbox().ask.remote(self._call, self.sent, id, packed, content)
        self.sent += 1
        answered = asked.future()
        answered.add_done_callback(lambda answer: self._pass_on(answer, id))

    def _tell(self, message: Any, content: bytes) -> None:
        self._mailbox().tell.remote(self._call, self.sent, pickle.dumps(message), content)
        self.sent += 1

    def _pass_on(self, answered: Future[list[bytes]], id: int) -> None:
        asked = self.waiting.pop(id, None)
        if asked is None:  # the body has ended without it
            return
        try:
            answer, content = answered.result()
            asked.set_result((pickle.loads(answer), content))
        except BaseException as exc:  # the mailbox is gone
            asked.set_exception(exc)

    def _mailbox(self) -> Any:
        # By name and only if it is needed: as an argument of the task it would cost as much as the
        # body of many a step.
        if self._name not in self._mailboxes:
            self._mailboxes.clear()
            self._mailboxes[self._name] = ray.get_actor(self._name, namespace=NAMESPACE)
        return self._mailboxes[self._name]

    # ------------------------------------------------------------ what can wait
    def _add_record(self, content: bytes) -> None:
        self._records.append(content)
        if len(self._records) >= MOST:
            self._send_records()
        else:
            self._send_soon()

    def _send_records(self) -> None:
        records, self._records = self._records, []
        if records:
            self._tell(Records(), pickle.dumps(records))

    def _send_soon(self) -> None:
        """Send what waits, also if the body sends nothing else."""
        if self._sender is None:
            self._sender = threading.Thread(target=self._send_late, daemon=True)
            self._sender.start()
        self._has_news.set()

    def _send_late(self) -> None:
        while self._has_news.wait():
            self._has_news.clear()
            time.sleep(LATEST)
            with self.lock, suppress(Exception):  # the mailbox is gone, and with it who would know
                self._send_waiting()

    def _send_waiting(self) -> None:
        begun, self._begun = self._begun, None
        if begun is not None:
            self._tell(begun, b"")
        self._send_records()

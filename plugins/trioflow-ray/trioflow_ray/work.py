"""The task that runs a body on a node of the cluster."""

from __future__ import annotations

import itertools
import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, nullcontext
from typing import Any

import ray

from trioflow.runners.remote import Answer, Ask, Bodies, Job, open_loop

Result = tuple[int, Any, bytes]
"""How many messages the body has sent, its outcome, and the content of that."""


class MailboxLine:
    """The connection of this worker to the mailbox of the body that it runs."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.ids: Iterator[int] = itertools.count()
        self.waiting: dict[int, Future[tuple[Answer, Any]]] = {}
        self.sent = 0
        self._call = 0
        self._name = ""
        self._mailboxes: dict[str, Any] = {}

    def begin(self, call: int, name: str) -> None:
        """Send what follows to the mailbox of this name, for this call."""
        self._call, self._name, self.sent = call, name, 0

    def send(self, message: Any, content: bytes = b"") -> None:
        """Send a message; hold the lock."""
        self.sent += 1
        mailbox = self._mailbox()
        if not isinstance(message, Ask):
            mailbox.tell.remote(self._call, message, content)
            return
        id = message.id
        answered = mailbox.ask.remote(self._call, message, content).future()
        answered.add_done_callback(lambda answer: self._pass_on(answer, id))

    def _pass_on(self, answer: Future[tuple[Answer, Any]], id: int) -> None:
        asked = self.waiting.pop(id, None)
        if asked is None:  # the body has ended without it
            return
        try:
            asked.set_result(answer.result())
        except BaseException as exc:  # the mailbox is gone
            asked.set_exception(exc)

    def _mailbox(self) -> Any:
        # By name and only if it is needed: as an argument of the task it would cost as much as the
        # body of many a step.
        if self._name not in self._mailboxes:
            self._mailboxes.clear()
            self._mailboxes[self._name] = ray.get_actor(self._name, namespace=NAMESPACE)
        return self._mailboxes[self._name]


NAMESPACE = "trioflow"


class _Worker:
    """What a worker process has from its first body on."""

    def __init__(self) -> None:
        self.line = MailboxLine()
        self._stack = ExitStack()
        self._stack.enter_context(open_loop())
        self._bodies = Bodies(self.line, nullcontext)

    def run(self, job: Job, contents: list[Any], call: int, mailbox: str) -> Result:
        self.line.begin(call, mailbox)
        outcome, content = self._bodies.run(job, contents)
        return self.line.sent, outcome, content


_worker: list[_Worker] = []


def run_body(job: bytes, content: bytes, call: int, mailbox: str) -> Result:
    """Run the body of a job, and return its outcome. Called by Ray, in the main thread."""
    if not _worker:
        _worker.append(_Worker())
    return _worker[0].run(pickle.loads(job), [content], call, mailbox)

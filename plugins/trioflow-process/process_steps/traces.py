"""Bodies that change what is the same for a whole process, and look at it."""

from __future__ import annotations

import decimal
import gc
import locale
import logging
import os
import resource
import signal
import socket
import sys
import tempfile
from contextvars import ContextVar
from typing import Any

from trioflow import StepContext, step

variable: ContextVar[str] = ContextVar("variable", default="not set")


def look() -> dict[str, Any]:
    """Return what bodies must not change for others."""
    mask = os.umask(0)
    os.umask(mask)
    return {
        "pid": os.getpid(),
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "umask": mask,
        "handlers": [str(signal.getsignal(n)) for n in signal.valid_signals() if n not in (2, 9)],
        "mask": signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        "timer": signal.getitimer(signal.ITIMER_REAL),
        "locale": locale.setlocale(locale.LC_ALL),
        "path": sys.path[:],
        "argv": sys.argv[:],
        "streams": [sys.stdin.fileno(), sys.stdout.fileno(), sys.stderr.fileno()],
        "recursion": sys.getrecursionlimit(),
        "switching": sys.getswitchinterval(),
        "garbage": gc.isenabled(),
        "sockets": socket.getdefaulttimeout(),
        "level": logging.getLogger("process_steps.traces").level,
        "handlers of logs": len(logging.root.handlers),
        "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "priority": os.getpriority(os.PRIO_PROCESS, 0),
        "variable": variable.get(),
        "precision": decimal.getcontext().prec,
    }


@step(runner="process")
def look_around(_: Any) -> dict[str, Any]:
    """Look at the process."""
    return look()


@step(runner="process")
def change_everything(_: Any) -> dict[str, Any]:
    """Change all that `look` looks at but the process."""
    os.chdir(tempfile.gettempdir())
    os.environ["PROCESS_STEPS"] = "set"
    os.environ.pop("HOME", None)
    os.umask(0o011)
    for number in (signal.SIGUSR1, signal.SIGALRM, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
    signal.alarm(1000)
    locale.setlocale(locale.LC_ALL, "C.UTF-8" if locale.setlocale(locale.LC_ALL) == "C" else "C")
    sys.path.insert(0, "/nowhere")
    sys.argv.append("more")
    sys.stdin = sys.stdout = sys.stderr = open(os.devnull, "r+")  # noqa: SIM115 - it is left open
    sys.setrecursionlimit(2000)
    sys.setswitchinterval(0.1)
    gc.disable()
    socket.setdefaulttimeout(5)
    logging.getLogger("process_steps.traces").setLevel(logging.DEBUG)
    logging.root.addHandler(logging.NullHandler())
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit[0] - 1, limit[1]))
    variable.set("set by a body")
    decimal.getcontext().prec = 7
    return look()


@step(runner="process")
def lower(what: str) -> int:
    """Change what a process without privileges cannot undo."""
    if what == "files":
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 1
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        os.setuid(65534) if os.getuid() == 0 else None
    elif what == "folder":
        folder = tempfile.mkdtemp()
        os.chdir(folder)
        os.rmdir(folder)
    return os.getpid()


@step(runner="process")
def read_variable(value: str, ctx: StepContext[Any]) -> list[str]:
    """Return the value of a context variable before it is set and after."""
    before = variable.get()
    variable.set(value)
    return [before, variable.get()]

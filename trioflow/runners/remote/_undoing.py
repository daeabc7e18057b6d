"""Undo what a body has changed in its worker, for the bodies that follow."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` makes slow enums of answers
import gc
import locale
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

import attrs

from trioflow.runners.remote._levels import Levels

SIGNALS = tuple(sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}))
LIMITS = tuple(sorted({getattr(resource, name) for name in dir(resource) if name[:7] == "RLIMIT_"}))
STREAMS = ("stdin", "stdout", "stderr")


@attrs.frozen
class Setting:
    """Something that is the same for the whole process."""

    read: Callable[[], Any]
    write: Callable[[Any], object]


def _user() -> tuple[Any, ...]:
    return os.getuid(), os.geteuid(), os.getgid(), os.getegid(), os.getgroups()


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _environment() -> dict[bytes, bytes]:
    # A copy of `os.environ` decodes each name and value, which takes as long as many a body.
    values: dict[bytes, bytes] = vars(os.environ)["_data"]
    return values.copy()


def _set_environment(values: dict[bytes, bytes]) -> None:
    for name in os.environb.keys() - values.keys():
        del os.environb[name]
    os.environb.update(values)
    time.tzset()


def _set_handlers(handlers: list[Any]) -> None:
    for number, handler in zip(SIGNALS, handlers, strict=True):
        if handler is not None and _signal.getsignal(number) is not handler:
            signal.signal(number, handler)


def _timers() -> list[float]:
    kinds = signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF
    return [signal.getitimer(kind)[0] for kind in kinds]


def _stop_timers(_: Any) -> None:
    for kind in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
        signal.setitimer(kind, 0)


def _set_list(current: list[str], values: list[str]) -> None:
    current[:] = values


def _set_streams(streams: list[Any]) -> None:
    for name, stream in zip(STREAMS, streams, strict=True):
        setattr(sys, name, stream)


def _set_limits(limits: list[tuple[int, int]]) -> None:
    for kind, limit in zip(LIMITS, limits, strict=True):
        if resource.getrlimit(kind) != limit:
            resource.setrlimit(kind, limit)


SETTINGS = (
    Setting(_timers, _stop_timers),
    Setting(lambda: [_signal.getsignal(number) for number in SIGNALS], _set_handlers),
    Setting(
        lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        lambda mask: signal.pthread_sigmask(signal.SIG_SETMASK, mask),
    ),
    Setting(os.getcwd, os.chdir),
    Setting(_environment, _set_environment),
    Setting(_umask, os.umask),
    Setting(
        lambda: locale.setlocale(locale.LC_ALL), lambda name: locale.setlocale(locale.LC_ALL, name)
    ),
    Setting(lambda: sys.path[:], lambda paths: _set_list(sys.path, paths)),
    Setting(lambda: sys.argv[:], lambda argv: _set_list(sys.argv, argv)),
    Setting(lambda: [getattr(sys, name) for name in STREAMS], _set_streams),
    Setting(sys.getrecursionlimit, sys.setrecursionlimit),
    Setting(sys.getswitchinterval, sys.setswitchinterval),
    Setting(gc.isenabled, lambda is_on: gc.enable() if is_on else gc.disable()),
    Setting(socket.getdefaulttimeout, socket.setdefaulttimeout),
    Setting(Levels.here, Levels.apply),
    # What may be impossible to undo.
    Setting(
        lambda: os.getpriority(os.PRIO_PROCESS, 0),
        lambda nice: os.setpriority(os.PRIO_PROCESS, 0, nice),
    ),
    Setting(lambda: [resource.getrlimit(kind) for kind in LIMITS], _set_limits),
    Setting(_user, lambda _: None),
)


class Settings:
    """The settings of this process as they are between bodies."""

    def __init__(self) -> None:
        self._values: list[Any] = []
        self._modules = -1

    def note(self, *, changed: bool = False) -> None:
        """Note the settings before a body, if modules were imported or something has *changed*.

        What a module sets while it is imported stays, because it is imported only once.
        """
        if changed or len(sys.modules) != self._modules:
            self._modules = len(sys.modules)
            self._values = [_read(setting) for setting in SETTINGS]

    def restore(self) -> bool:
        """Undo what a body has changed, and return whether that was possible."""
        is_clean = True
        for setting, value in zip(SETTINGS, self._values, strict=True):
            if _read(setting) != value:
                is_clean = _write(setting, value) and is_clean
        return is_clean


def _read(setting: Setting) -> Any:
    try:
        return setting.read()
    except OSError:  # the current folder was deleted, for example
        return None


def _write(setting: Setting, value: Any) -> bool:
    try:
        setting.write(value)
    except Exception:
        return False
    return bool(_read(setting) == value)

"""What ties a worker to the process that has started it. Used in the worker."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def tie_to(parent: int) -> None:
    """Let this process end as soon as *parent* is gone, and be killed with what it starts.

    The kernel kills it when the thread that has started it ends. That is why workers are started
    by the thread that runs Trio, which lives longer than they do.
    """
    os.setpgid(0, 0)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was gone before the kernel knew
        end_group()


def end_group() -> None:
    """End this process at once, with what it has started."""
    os.killpg(0, signal.SIGKILL)

"""How many examples the property tests try, and how the tests hear of an interruption.

``HYPOTHESIS_PROFILE=ci`` in the environment tries 40 times as many as a run on a developer's
machine, and ``campaign`` 100 times, most properties about whole runs 200 times.
"""

from __future__ import annotations

import gc
import os
import signal

from hypothesis import HealthCheck, settings

# A shell that starts the tests in the background has them ignore SIGINT, and so would every
# process that they start: the tests of Ctrl-C would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A step is virtual time and some hundred microseconds, but the machine may be busy.
settings.register_profile(
    "default", max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("ci", settings.get_profile("default"), max_examples=400)
settings.register_profile("campaign", settings.get_profile("default"), max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_collection_finish() -> None:
    """Have the garbage collector leave the tests themselves alone: they are there to the end, and
    to go through them again and again would take a quarter of the time."""
    gc.collect()
    gc.freeze()

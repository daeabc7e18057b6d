"""What all tests share: how many examples the property tests try.

``pytest --hypothesis-profile=ci`` tries ten times as many as a plain ``pytest``.
"""

from __future__ import annotations

from hypothesis import settings

# No deadline: Hypothesis would measure real time, and the machine may be busy.
settings.register_profile("default", max_examples=200, deadline=None)
settings.register_profile("ci", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile("default")

"""The places at which code of users runs as part of a run, and may raise."""

from __future__ import annotations

from collections.abc import Mapping

from trioflow.testing._isolation.code.bodies import BODIES
from trioflow.testing._isolation.code.code import Code
from trioflow.testing._isolation.code.functions import FUNCTIONS
from trioflow.testing._isolation.code.plugins import PLUGINS
from trioflow.testing._isolation.code.tools import TOOLS

__all__ = ["CODE", "Code"]

CODE: Mapping[str, Code] = {**BODIES, **TOOLS, **FUNCTIONS, **PLUGINS}
"""The place of the function, and the workflow."""

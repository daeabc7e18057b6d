"""Pictures: of a workflow as it is defined, and of a run as it went.

Each is one file that needs nothing else: no network, no library, no font. The same workflow
and the same events always give the same file.
"""

from __future__ import annotations

from trioflow.pictures.graph import to_svg
from trioflow.pictures.timeline import to_timeline_html

__all__ = ["to_svg", "to_timeline_html"]

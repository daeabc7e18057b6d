"""Words that readers search for and pages do not use: ``search: celery, cron`` in the front matter.

They are text that is not shown, so they weigh as little as any other word of the page.
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    return {"parallel_read_safe": True}

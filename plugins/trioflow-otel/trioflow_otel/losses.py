"""Reports what could not be written, so that nobody looks for it in vain."""

from __future__ import annotations

import logging

import attrs

logger = logging.getLogger("trioflow.otel")


@attrs.define(eq=False)
class Losses:
    """Logs each kind of failure once: what fails for one span usually fails for all."""

    _known: set[tuple[str, str]] = attrs.field(factory=set)

    def report(self, what: str, error: Exception) -> None:
        """Log, with its stack, that *what* is lost because of an error.

        Args:
          what: Part of a sentence, such as ``"a span"``.
        """
        kind = what, type(error).__name__
        if kind not in self._known:
            self._known.add(kind)
            logger.warning("%s is lost; more of this kind are not reported", what, exc_info=error)

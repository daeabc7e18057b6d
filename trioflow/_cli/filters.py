"""The options that select runs of a store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from trioflow.run_info import RunFilters

Flag = Parameter(negative="", show_default=False)
RunStatus = Literal["pending", "running", "success", "failed", "suspended", "paused", "canceled"]
"""As in `trioflow.events`, whose import would take longer than printing the help."""


@Parameter(name="*")
@dataclass(frozen=True)
class Filters:
    """The options that select runs. A run must match all of them."""

    status: Annotated[list[RunStatus] | None, Flag] = None
    """Only runs with this status. May be repeated."""
    workflow: Annotated[str | None, Flag] = None
    """Only runs of the workflow with this id."""
    resource: Annotated[str | None, Flag] = None
    """Only runs of this resource."""
    tag: Annotated[list[str] | None, Flag] = None
    """Only runs with this tag. May be repeated; a run must have all of them."""
    since: Annotated[str | None, Flag] = None
    """Only runs created at this time or later: an age (12h, 30d) or a date (2026-01-31T12:00)."""
    before: Annotated[str | None, Flag] = None
    """Only runs created before this time; the format is that of --since."""

    def chosen(self, now: float) -> RunFilters:
        """Return the filters as an engine takes them.

        Raises:
          UsageError: if a time is invalid.
        """
        from trioflow._cli.times import read_moment

        chosen: RunFilters = {
            "status": self.status,
            "workflow": self.workflow,
            "resource_id": self.resource,
            "tags": self.tag or (),
        }
        if self.since is not None:
            chosen["since"] = read_moment(self.since, "--since", now)
        if self.before is not None:
            chosen["before"] = read_moment(self.before, "--before", now)
        return chosen


ALL = Filters()
"""The default: no filter option is given."""

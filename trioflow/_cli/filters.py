"""Which runs of a store a command is about, as it is typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from trioflow.run_info import RunFilters

Flag = Parameter(negative="", show_default=False)
RunStatus = Literal["pending", "running", "success", "failed", "suspended", "paused", "canceled"]
"""That of `trioflow.events`, whose classes take longer to make than all of the help."""


@Parameter(name="*")
@dataclass(frozen=True)
class Filters:
    """The options that choose runs: those to which all of them apply."""

    status: Annotated[list[RunStatus] | None, Flag] = None
    """Only runs with this status. May be repeated."""
    workflow: Annotated[str | None, Flag] = None
    """Only runs of the workflow with this id."""
    resource: Annotated[str | None, Flag] = None
    """Only runs of this resource."""
    tag: Annotated[list[str] | None, Flag] = None
    """Only runs with this tag. May be repeated; all of them are needed."""
    since: Annotated[str | None, Flag] = None
    """Only runs created then or later: how long ago (12h, 30d), or a date (2026-01-31T12:00)."""
    before: Annotated[str | None, Flag] = None
    """Only runs created earlier than that; written like --since."""

    def chosen(self, now: float) -> RunFilters:
        """Return them as an engine takes them.

        Raises:
          UsageError: if one of the times is none.
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
"""What is meant if no option chooses runs."""

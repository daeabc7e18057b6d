"""Arguments of several commands, and which words the shell offers for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from cyclopts.completion import CompletionContext


def _run_ids(context: CompletionContext) -> Mapping[str, str]:
    from trioflow._cli.completing import run_ids

    return run_ids(context["store"].raw)


def _workflow_ids(context: CompletionContext) -> Mapping[str, str]:
    from trioflow._cli.completing import workflow_ids

    return workflow_ids()


RunId = Annotated[str, Parameter(completer=_run_ids)]
OptionalRunId = Annotated[str | None, Parameter(completer=_run_ids)]
Target = Annotated[str, Parameter(completer=_workflow_ids)]
JsonText = Annotated[str | None, Parameter(allow_leading_hyphen=True)]

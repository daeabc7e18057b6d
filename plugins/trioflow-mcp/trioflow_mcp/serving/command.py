"""``trioflow mcp``. Imports its dependencies when it is called."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

Flag = Annotated[bool, Parameter(negative="")]


async def mcp(
    *targets: str,
    store: str | None = None,
    http: int | None = None,
    token_file: str | None = None,
    allow_unauthenticated: Flag = False,
    grace: float = 5.0,
) -> int:
    """Serve workflows and tools as an MCP server, for agents and other MCP clients.

    The protocol is on standard input and output, so this command is for the configuration of a
    client; what workflows print goes to standard error. Each call is a run. A run that asks
    something is answered by the client's user, or with the tool "resume".

    Parameters
    ----------
    targets
        Ids of workflows and tools, or MODULE:ATTR of your own workflows; default: all installed.
    store
        URL of the store that makes runs durable, such as sqlite:runs.db; default:
        $TRIOFLOW_STORE, or memory.
    http
        Serve streamable HTTP on this port of 127.0.0.1 instead; 0 for any free one. The first
        line on standard output is the URL.
    token_file
        File with the token that HTTP clients must send; default: $TRIOFLOW_MCP_TOKEN, or a new
        one, which is printed on standard error.
    allow_unauthenticated
        Serve HTTP without a token, to every program on this machine.
    grace
        Seconds that steps of durable runs get to finish when the server ends; default: 5.
    """
    from trioflow_mcp.serving.hosting import run_server

    await run_server(
        targets,
        store=store,
        port=http,
        token_file=token_file,
        allow_unauthenticated=allow_unauthenticated,
        grace=grace,
    )
    return 0

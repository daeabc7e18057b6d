"""An MCP server that notes what happens to it, for tests: in memory, over stdio, over HTTP."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, TextContent
from pydantic import BaseModel


class Person(BaseModel):
    """What the tools ask for."""

    name: str
    age: int = 0


def make_server(log: Path) -> MCPServer:
    """Return a server that appends to *log*."""
    server = MCPServer("demo", log_level="CRITICAL", instructions="Be brief.")

    def note(text: str) -> None:
        with log.open("a") as file:
            file.write(text + "\n")

    @server.tool()
    def add(a: int, b: int = 1) -> int:
        """Add numbers.

        Both of them.
        """
        note(f"add {a} {b}")
        return a + b

    @server.tool()
    def person() -> Person:
        """Return a person."""
        return Person(name="Ada", age=36)

    @server.tool()
    def parts() -> CallToolResult:
        """Return content parts."""
        return CallToolResult(content=[TextContent(text="one"), TextContent(text="two")])

    @server.tool()
    def fail(why: str) -> str:
        """Fail."""
        raise ToolError(why)

    @server.tool()
    async def count(to: int, ctx: Context) -> int:
        """Report progress."""
        for number in range(to):
            await ctx.report_progress(number, to, f"number {number}")
        return to

    @server.tool()
    async def hang(ctx: Context) -> None:
        """Report progress, and wait for ever."""
        note("hang")
        try:
            await ctx.report_progress(1)
            await anyio.sleep_forever()
        except BaseException:
            note("hang canceled")
            raise

    @server.tool()
    async def greet(greeting: str, ctx: Context) -> str:
        """Ask who is to be greeted."""
        note(f"greet {greeting}")
        answer = await ctx.elicit(f"{greeting} who?", Person)
        if answer.action != "accept":
            return f"{greeting} nobody: {answer.action}"
        return f"{greeting} {answer.data.name}"

    @server.tool()
    async def greet_two(ctx: Context) -> str:
        """Ask the same twice."""
        answers = [await ctx.elicit("Who?", Person) for _ in range(2)]
        return " and ".join(each.data.name for each in answers if each.action == "accept")

    @server.tool()
    async def login(ctx: Context) -> str:
        """Ask for a visit of a page."""
        return (await ctx.elicit_url("Log in", "http://127.0.0.1/login", "1")).action

    return server


if __name__ == "__main__":
    print("demo server is ready", file=sys.stderr, flush=True)
    make_server(Path(sys.argv[1])).run()

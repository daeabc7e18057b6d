"""The server half: workflows and tools of trioflow as tools of an MCP server."""

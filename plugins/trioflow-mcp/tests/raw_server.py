"""An MCP server that misbehaves as its first argument says, without the SDK: ``raw_server.py HOW``.

It speaks the handshake of 2025. Tools: ``echo`` returns its arguments; ``die`` ends the process in
the middle of the call; ``garble`` sends a broken answer; ``flood`` a line that does not end, and
``latin`` bytes that are no UTF-8; ``log`` sends log messages of all levels.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

HOW = sys.argv[1] if len(sys.argv) > 1 else ""
NAMES = ("echo", "die", "garble", "flood", "latin", "log")
LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
TOOLS = [{"name": name, "inputSchema": {"type": "object"}} for name in NAMES]


def send(message: dict[str, Any]) -> None:
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    if method == "initialize":
        info = {"name": "raw", "version": "1"}
        version = params["protocolVersion"]
        return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
    if method == "tools/list":
        if HOW.startswith("schema="):
            schema = json.loads(HOW.removeprefix("schema="))
            return {"tools": [{"name": "bad", "inputSchema": schema}]}
        return {"tools": TOOLS}
    if params["name"] == "die":
        print("last words", file=sys.stderr, flush=True)
        os._exit(3)
    if params["name"] == "garble":
        print('{"jsonrpc": "2.0", "id": 3, "result": {"content"', flush=True)
    if params["name"] == "flood":
        flood()
    if params["name"] == "log":
        for level in LEVELS:
            send({"method": "notifications/message", "params": {"level": level, "data": level}})
    if params["name"] == "latin":
        os.write(1, b'{"jsonrpc": "2.0", "method": "caf\xe9"}\n')
    text = json.dumps(params.get("arguments"))
    return {"content": [{"type": "text", "text": text}]}


def flood() -> None:
    """Write until nobody reads it any more."""
    os.write(1, b'{"jsonrpc": "2.0", "method": "')
    while True:
        os.write(1, b"x" * 65_536)


def serve() -> None:
    for line in sys.stdin:
        message = json.loads(line)
        if HOW.startswith("refuses") and message["method"] in HOW:
            send({"id": message["id"], "error": {"code": -32000, "message": "no licence"}})
        elif "id" in message and "method" in message and not HOW.startswith("refuses"):
            result = answer(message["method"], message.get("params") or {})
            if (message.get("params") or {}).get("name") != "garble":
                send({"id": message["id"], "result": result})


if HOW == "silent":
    time.sleep(600)
if HOW == "fails":
    sys.exit("no database")
if HOW == "floods":
    flood()
if HOW == "prints":
    print("Welcome to the server!", flush=True)
if HOW == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if HOW.startswith("pid="):
    with open(HOW.removeprefix("pid="), "w") as file:
        file.write(str(os.getpid()))
serve()
if HOW == "stubborn":
    time.sleep(600)

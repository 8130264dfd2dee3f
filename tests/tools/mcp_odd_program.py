"""An MCP server over stdio that has a fault: speaks the older era with the standard library only.

mcp_odd_program.py noise|long|dies|stubborn|family|env [FILE]
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

FAULT = sys.argv[1]
TOOLS = [{"name": name, "inputSchema": {"type": "object"}} for name in ("echo", "exit")]


def say(message: Any) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def text(words: str) -> Any:
    return {"content": [{"type": "text", "text": words}]}


def answer(method: str, params: Any) -> Any:
    if method == "initialize":
        info = {"name": "odd", "version": "1"}
        return {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": info}
    if method == "tools/list":
        return {"tools": TOOLS}
    if params.get("name") == "exit":
        sys.stderr.write("a file is missing: \x1b[31mred\nits last words\n")
        os._exit(3)
    if FAULT == "long":
        return text("x" * 10_000_000)
    if FAULT == "env":
        return text(json.dumps(dict(os.environ)))
    return text("echo")


def main() -> None:
    if len(sys.argv) > 2:
        with Path(sys.argv[2]).open("a") as file:
            file.write(f"{os.getpid()}\n")
    if FAULT == "dies":
        sys.exit("no licence found")
    if FAULT in ("stubborn", "family"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if FAULT == "family":
        child = subprocess.Popen(["sleep", "1000"])
        with Path(sys.argv[2]).open("a") as file:
            file.write(f"{child.pid}\n")
    if FAULT == "noise":
        sys.stdout.write("Welcome!\n\n{\n" + "x" * 10_000_000 + "\n\x00\xff\n[1]\n")
    for line in sys.stdin:
        message = json.loads(line)
        if FAULT == "noise":
            sys.stdout.write("working...\n")
        if "id" not in message:
            continue
        if message["method"] == "server/discover":
            say({"id": message["id"], "error": {"code": -32601, "message": "no such method"}})
        else:
            say({"id": message["id"], "result": answer(message["method"], message.get("params"))})
    while FAULT in ("stubborn", "family"):
        time.sleep(100)


if __name__ == "__main__":
    main()

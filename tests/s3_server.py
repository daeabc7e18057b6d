"""A server that speaks as much of S3 as a value store needs, on 127.0.0.1."""

from __future__ import annotations

import re
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape, unescape

import attrs
import trio


@attrs.frozen
class Server:
    """Where it is."""

    options: dict[str, Any]


class _Handler(BaseHTTPRequestHandler):
    objects: dict[str, bytes]
    parts: dict[str, dict[int, bytes]]
    refuses: bool
    protocol_version = "HTTP/1.1"

    def _place(self) -> tuple[str, dict[str, list[str]]]:
        parts = urlsplit(self.path)
        return unquote(parts.path), parse_qs(parts.query, keep_blank_values=True)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _answer(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", '"etag"')
        self.send_header("Last-Modified", "Mon, 30 Nov 2026 12:00:00 GMT")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def do_PUT(self) -> None:
        path, query = self._place()
        body = self._body()
        if "uploadId" in query:
            self.parts[path][int(query["partNumber"][0])] = body
        else:
            self.objects[path] = body
        self._answer(200)

    def do_POST(self) -> None:
        path, query = self._place()
        body = self._body()
        if "delete" in query:
            gone = re.findall("<Key>(.*?)</Key>", body.decode())
            for key in gone:
                self.objects.pop(f"{path}/{unescape(key)}", None)
            deleted = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in gone)
            text = f"<DeleteResult>{deleted}</DeleteResult>"
        elif "uploads" in query:
            self.parts[path] = {}
            text = (
                "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key>"
                "<UploadId>u</UploadId></InitiateMultipartUploadResult>"
            )
        else:
            parts = self.parts.pop(path)
            self.objects[path] = b"".join(parts[number] for number in sorted(parts))
            text = (
                "<CompleteMultipartUploadResult><Location>l</Location><Bucket>b</Bucket>"
                "<Key>k</Key><ETag>etag</ETag></CompleteMultipartUploadResult>"
            )
        self._answer(200, text.encode())

    def do_GET(self) -> None:
        path, query = self._place()
        if self.refuses:
            self._answer(403, b"<Error><Code>AccessDenied</Code></Error>")
        elif "list-type" in query:
            self._answer(200, self._listing(path, query).encode())
        elif path in self.objects:
            self._answer(200, self.objects[path])
        else:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

    def do_DELETE(self) -> None:
        path, _ = self._place()
        self.objects.pop(path, None)
        self._answer(204)

    def _listing(self, bucket: str, query: dict[str, list[str]]) -> str:
        prefix = query.get("prefix", [""])[0]
        found = {
            path.removeprefix(f"{bucket}/"): content
            for path, content in self.objects.items()
            if path.startswith(f"{bucket}/{prefix}")
        }
        items = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(content)}</Size><ETag>e</ETag>"
            "<LastModified>2026-11-30T12:00:00.000Z</LastModified></Contents>"
            for key, content in found.items()
        )
        return f"<ListBucketResult><KeyCount>{len(found)}</KeyCount>{items}</ListBucketResult>"

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@asynccontextmanager
async def serve_s3(*, refuses: bool = False) -> AsyncGenerator[Server, None]:
    """Serve one bucket while the block runs.

    Args:
      refuses: Whether nobody may read.
    """
    state = {"objects": {}, "parts": {}, "refuses": refuses}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), state))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    options = {
        "endpoint": f"http://127.0.0.1:{server.server_port}",
        "access_key_id": "id",
        "secret_access_key": "secret",
        "region": "us-east-1",
        "client_options": {"allow_http": True},
    }
    try:
        yield Server(options)
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(server.shutdown)
        server.server_close()
        thread.join()

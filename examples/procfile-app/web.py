"""Answers with the time."""

import os
import signal
import sys
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FORMAT = "It is %H:%M:%S UTC"


class Handler(BaseHTTPRequestHandler):
    """Answers every path the same."""

    def do_GET(self) -> None:
        """Answer with the time."""
        body = f"{datetime.now(UTC):{FORMAT}}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    address = (os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"]))
    ThreadingHTTPServer(address, Handler).serve_forever()

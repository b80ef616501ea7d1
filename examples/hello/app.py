"""The smallest app worth rolling back: it says which version it is and what GREETING was set to."""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

VERSION = Path(__file__).with_name("version.txt").read_text().strip()


class Handler(BaseHTTPRequestHandler):
    """Answers `/` with what this process is, and `/health` with ok."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body go out in two writes

    def do_GET(self) -> None:
        """Answer."""
        answer = {
            "version": VERSION,
            "greeting": os.environ["GREETING"],
            "release": os.environ["RELEASE"],
        }
        body = b"ok\n" if self.path == "/health" else (json.dumps(answer) + "\n").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Print one line a request, but for health checks."""
        if self.path != "/health":
            print(self.command, self.path, flush=True)


class Server(ThreadingHTTPServer):
    """Lets many clients wait to be accepted."""

    request_queue_size = 128


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f"version {VERSION} listens on {os.environ['PORT']}", flush=True)
    Server((os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"])), Handler).serve_forever()

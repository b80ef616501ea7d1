"""Says what it was made and started of: `web WORD` answers every request with it, `worker WORD` keeps it in a file."""

import json
import os
import sys
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FILE = Path("/tmp/worker.json")
HERE = Path(__file__).resolve().parent
ID = uuid.uuid4().hex


def told() -> dict[str, object]:
    """Return it as it is now, and which process says so, when."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return {
        "image": (HERE / "version.txt").read_text().strip(),
        "environment": os.environ.get("SETTING", ""),
        "command": sys.argv[-1],
        "mounts": sorted(mount for mount in set(mounts) if mount.startswith("/srv/")),
        "process": ID,
        "at": time.time(),
    }


class Handler(BaseHTTPRequestHandler):
    """Answers every path."""

    def do_GET(self) -> None:
        """Answer."""
        body = json.dumps(told()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def work() -> None:
    """Say again and again that it is at work."""
    while True:
        new = FILE.with_name(f"{ID}.json")
        new.write_text(json.dumps(told()))
        new.rename(FILE)
        time.sleep(0.1)


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        work()
    ThreadingHTTPServer((os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"])), Handler).serve_forever()

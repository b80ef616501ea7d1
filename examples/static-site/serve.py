"""Serves `public/`. Browsers ask every time: after a rollback, files are older than what they keep."""

import functools
import os
import signal
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class Handler(SimpleHTTPRequestHandler):
    """Answers with the file as it is now, whatever the browser has of another release."""

    def send_head(self):
        """Find the file, also for who has one that is newer."""
        del self.headers["If-Modified-Since"]
        return super().send_head()

    def end_headers(self) -> None:
        """Have browsers ask again next time."""
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    handler = functools.partial(Handler, directory="public")
    address = (os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"]))
    ThreadingHTTPServer(address, handler).serve_forever()

#!/usr/bin/env python3
"""A version of the rack for the tests of its installation: it answers, stops when told, and is taken down."""

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import UnixStreamServer

ABOUT = json.loads(Path(__file__).resolve().parent.parent.joinpath("about.json").read_bytes())
DATA = Path(sys.argv[sys.argv.index("--data") + 1])


class Handler(BaseHTTPRequestHandler):
    def address_string(self) -> str:
        return ""

    def log_message(self, *words: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        (DATA / "put").write_bytes(body)
        self._answer()

    def _answer(self) -> None:
        self.send_response(200)
        self.send_header("Sternway-Version", ABOUT["version"])
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")


def main() -> None:
    (DATA / "store").mkdir(exist_ok=True)
    (DATA / "store" / "rack.db").touch()
    if "--dismantle" in sys.argv:
        DATA.with_name("dismantled").touch()
        return
    if ABOUT.get("behaviour") == "broken":
        sys.exit("sternwayd: it is broken")
    web = HTTPServer(("127.0.0.1", 0), Handler)
    (DATA / "rack-url").write_text(f"http://rack:secret@127.0.0.1:{web.server_port}\n")
    (DATA / "router-address").write_text("127.0.0.1:8080\n")
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    (DATA / "rackd.json").write_text(json.dumps({"pid": os.getpid(), "started_at_ticks": ticks}))
    (DATA / "words").write_text(json.dumps(sys.argv[1:]))
    (DATA / "api.sock").unlink(missing_ok=True)
    local = UnixStreamServer(str(DATA / "api.sock"), Handler)
    for server in (web, local):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    signal.pause()


main()

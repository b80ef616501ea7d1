"""The console's own files: read once, sent compressed, kept by browsers under an address that changes with them."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import Response

NAMES = ("console.css", "console.js", "mark.svg", "vendor/htmx-2.0.11.min.js", "vendor/htmx-ext-sse-2.2.4.js")
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
KEPT = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is sent."""

    content: bytes
    packed: bytes
    kind: str
    tag: str


def load() -> Mapping[str, StaticFile]:
    """Read all of them, by name."""
    return {name: _read(name) for name in NAMES}


def answer(request: Request, files: Mapping[str, StaticFile]) -> Response:
    """Answer a request for one of them."""
    file = files.get(request.path_params["path"])
    if file is None:
        return Response(status_code=404)
    headers = {
        "Vary": "Accept-Encoding",
        "Cache-Control": KEPT if request.query_params.get("v") == file.tag else "no-cache",
    }
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(file.content, media_type=file.kind, headers=headers)
    return Response(file.packed, media_type=file.kind, headers=headers | {"Content-Encoding": "gzip"})


def _read(name: str) -> StaticFile:
    content = resources.files("sternway.console").joinpath("static", name).read_bytes()
    packed = gzip.compress(content, mtime=0)
    tag = hashlib.sha256(content).hexdigest()[:12]
    return StaticFile(content, packed, KINDS[PurePosixPath(name).suffix], tag)

"""The channel that a rack serves to others (Sternway's own): the files of it, for everybody, and nothing else."""

import asyncio
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse, RedirectResponse, Response

from sternway.api.inputs import RackIn
from sternway.core.errors import NotFound

CHANGING = {"timestamp.json": "no-store", "index.html": "no-cache"}
"""What is replaced where it lies. Everything else of a channel stays as it is for as long as it is there."""
IMMUTABLE = "public, max-age=31536000, immutable"
TYPES = {
    ".json": "application/json",
    ".html": "text/html; charset=utf-8",
    ".gz": "application/gzip",
    ".zip": "application/zip",
}

router = APIRouter(tags=["channel"])


@router.get("/channel", response_class=RedirectResponse, status_code=308)
async def find_page() -> Response:
    """Lead to the page, whose links are relative to its directory."""
    return RedirectResponse("/channel/", status_code=308)


@router.get("/channel/{path:path}", response_class=FileResponse)
async def fetch_file(rack: RackIn, path: str) -> Response:
    """Return a file of the channel; without a path the page that people read. Needs no password."""
    try:
        return await _answer(await rack.versions.published(path))
    except NotFound:
        # Asked for the next root, which is mostly not there: nobody may remember that it was not.
        return Response(status_code=404, headers={"Cache-Control": "no-store"})


@router.head("/channel/{path:path}")
async def probe_file(rack: RackIn, path: str) -> Response:
    """Tell whether it is there, and how large it is."""
    return await fetch_file(rack, path)


async def _answer(file: Path) -> Response:
    kind = TYPES[file.suffix]
    if caching := CHANGING.get(file.name):
        # In one piece: it may be replaced between a look at its size and a look into it.
        content = await asyncio.to_thread(file.read_bytes)
        return Response(content, media_type=kind, headers={"Cache-Control": caching})
    return FileResponse(file, media_type=kind, headers={"Cache-Control": IMMUTABLE})

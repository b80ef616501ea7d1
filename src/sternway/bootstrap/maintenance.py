"""What `sternwayd` does for a move to another version instead of running a rack: a trial, and a way down."""

import asyncio
import json
import tempfile
from base64 import b64encode
from pathlib import Path

from sternway import __version__, files
from sternway.bootstrap import serving
from sternway.core.errors import Refused
from sternway.home import Home
from sternway.ops import apps, releases, versions
from sternway.ops.rack import Rack
from sternway.store import dialect, schema, stranded

ANSWER_S = 30.0


async def attempt(rack: Rack) -> None:
    """See whether this version works on a copy of a rack's store: migrate, read, and answer a request.

    Raises SternwayError. Engine and router are those in memory: nothing outside is touched.
    """
    async with rack.store.run(), rack.router.run(), rack.engine.run():
        for view in await apps.list_all(rack):
            await releases.list_newest(rack, view.app.name)
        await versions.history(rack)
        with tempfile.TemporaryDirectory(prefix="sternway-trial-") as directory:
            path = Path(directory) / "api.sock"
            with serving.socket_file(path, lambda: None) as door:
                async with serving.serving(rack, door, password=""):
                    await _ask(path)


async def _ask(path: Path) -> None:
    async with asyncio.timeout(ANSWER_S):
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"GET /check HTTP/1.0\r\nHost: localhost\r\n\r\n")
        head = (await reader.read()).decode()
        writer.close()
    status = head.partition(" ")[2][:3]
    if status != "200" or f"sternway-version: {__version__}" not in head.lower():
        raise Refused(f"version {__version__} answers {status or 'nothing'} on a copy of the store")


def downgrade(home: Home, revision: str, export: Path | None) -> None:
    """Take the store down to a revision that an older version knows.

    Rows that it cannot hold are written to `export` first; raises Refused, changing nothing, if there are any
    and nobody said where to.
    """
    url = dialect.url_of(home.store)
    found = stranded.rows(url, revision)
    if found and export is None:
        raise Refused(stranded.words(found), hint="have them exported: --accept-export")
    if found and export:
        export.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        files.replace(export, json.dumps(found, default=_encoded, indent=1).encode(), is_durable=True)
    schema.downgrade(url, revision)


def _encoded(value: object) -> str:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    raise TypeError(type(value))

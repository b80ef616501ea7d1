"""What `sternwayd` does for a move to another version: a trial, a way down, and what it took out brought in again."""

import asyncio
import json
import logging
import tempfile
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from sternway import __version__, files
from sternway.bootstrap import serving
from sternway.core.errors import Refused, SternwayError
from sternway.home import Home
from sternway.ops import apps, exports, releases, versions
from sternway.ops.rack import Rack
from sternway.ports import Brought
from sternway.store import dialect, schema, stranded

log = logging.getLogger(__name__)

ANSWER_S = 30.0
BROUGHT_IN = ".brought-in"
"""The suffix of what tells, beside an exported file, what became of its rows."""


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


async def bring_in(rack: Rack, directory: Path) -> None:
    """Bring in again the rows that the schema can hold now, each file once, the oldest first.

    What cannot be read or written stays in its file, and the rack starts all the same.
    """
    for path in await asyncio.to_thread(_exported, directory):
        try:
            export = exports.read(path.name, await asyncio.to_thread(path.read_bytes))
            if done := await exports.bring_in(rack, export):
                await asyncio.to_thread(_tell, path, done)
        except (OSError, ValueError, SternwayError) as problem:
            log.warning("exported rows are in their file only", extra={"file": path.name, "problem": str(problem)})


def _exported(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.json"), key=lambda path: path.stat().st_mtime)


def _tell(path: Path, done: Mapping[str, Brought]) -> None:
    """Write beside a file what became of its rows. The ledger is what counts: this is for people."""
    beside = path.with_name(f"{path.name}{BROUGHT_IN}")
    known = json.loads(beside.read_bytes()) if beside.exists() else {}
    told = known | {table: asdict(each) for table, each in done.items()}
    files.replace(beside, json.dumps(told, indent=1).encode(), is_durable=True)


def _encoded(value: object) -> str:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    raise TypeError(type(value))

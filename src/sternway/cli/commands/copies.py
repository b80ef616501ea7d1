"""`cp`: files to a process and from one."""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import click

from sternway.cli import errors, files, options
from sternway.cli.command import command
from sternway.cli.connection import Body
from sternway.cli.options import Target
from sternway.wire import routes

TAR = "application/x-tar"

_REMOTE = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]*):(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Remote:
    """A path in a process; the process is an id, or a service that stands for one of its processes."""

    process: str
    path: str


@command()
@click.argument("source", metavar="SRC")
@click.argument("destination", metavar="DST")
@click.option("--tar-extra", hidden=True, expose_value=False)
@options.with_reason
@options.on_app
def cp(target: Target, source: str, destination: str, reason: str | None) -> None:
    """Copy a file or directory to a process or from one.

    One side is PROCESS:/PATH or SERVICE:/PATH, the other a path here. A destination in a process is the path
    that the copy gets; with a slash at its end, the directory that it goes into.
    """
    why = options.reason_header(reason)
    match _side(source), _side(destination):
        case Path() as here, Remote() as there:
            _upload(target, here, there, why)
        case Remote() as there, Path() as here:
            _download(target, there, (here, destination.endswith("/")), why)
        case _:
            raise errors.usage("one side has to be in a process, the other here", hint="sternway cp web:/etc/hosts .")


def _upload(target: Target, here: Path, there: Remote, why: dict[str, str]) -> None:
    with tempfile.TemporaryFile(prefix="sternway-") as file:
        files.pack(here, there.path, file)
        size_bytes = file.tell()
        file.seek(0)
        target.rack.put_file(routes.files(target.app, there.process), Body(file, size_bytes), TAR, why)


def _download(target: Target, there: Remote, place: tuple[Path, bool], why: dict[str, str]) -> None:
    here, is_into = place
    with tempfile.TemporaryFile(prefix="sternway-") as file:
        target.rack.get_file(routes.files(target.app, there.process), {"file": there.path}, file, why)
        file.seek(0)
        files.unpack(file, there.path, here, into=is_into)


def _side(text: str) -> Remote | Path:
    found = _REMOTE.fullmatch(text)
    if found is None:
        return Path(text)
    process, path = found.groups()
    if not path.startswith("/"):
        hint = "begin the path with a slash; a local name with a colon is written ./NAME"
        raise errors.usage(f"the path in a process is not absolute: {path}", hint=hint)
    return Remote(process, path)

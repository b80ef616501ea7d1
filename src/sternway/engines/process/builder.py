"""The builder of the process engine: an upload becomes a snapshot of its tree, which is what processes run in."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from sternway.core import manifest
from sternway.core.errors import ArtifactGone, BuildFailed
from sternway.core.manifest.service import Service
from sternway.engines.process import archive, artifact, snapshot
from sternway.ports import BuildOrder, BuildResult

UNPACKING = "building"
MANIFEST_BYTES = 1024 * 1024
DEFAULT_MANIFEST = "convox.yml"
PROCFILE = "Procfile"

Log = Callable[[bytes], None]


class ProcessBuilder:
    """Fills `ports.Builder`. `data` is the directory that the engine has as well."""

    def __init__(self, data: Path, *, bounds: archive.Bounds | None = None) -> None:
        self._snapshots = data / snapshot.DIRECTORY
        self._unpacking = data / UNPACKING
        self._bounds = bounds or archive.Bounds()

    async def build(self, order: BuildOrder, log: Log) -> BuildResult:
        """Unpack, read the manifest, and keep the tree; a failure or a cancellation leaves nothing that counts."""
        loop = asyncio.get_running_loop()

        def say(text: str) -> None:
            loop.call_soon_threadsafe(log, f"{text}\n".encode(errors="replace"))

        result = await asyncio.to_thread(self._build, order, say)
        await asyncio.sleep(0)
        return result

    async def verify(self, reference: str) -> None:
        """Raise ArtifactGone unless there is a directory to run in."""
        place = artifact.locate(self._snapshots.parent, reference)
        if not await asyncio.to_thread(place.directory.is_dir):
            raise ArtifactGone(f"{reference} is no longer there", hint="build the same source again: sternway build")

    def _build(self, order: BuildOrder, say: Callable[[str], None]) -> BuildResult:
        with self._new_directory() as tree:
            unpacked = archive.unpack(order.archive, tree, self._bounds)
            say(f"Unpacking {unpacked.files} files, {_size(unpacked.size_bytes)}")
            text = _manifest_text(tree, order.options.manifest_path)
            parsed = manifest.parse(text)
            for warning in parsed.warnings:
                say(f"Warning: {warning}")
            sub_directories = {name: _start(tree, name, each) for name, each in parsed.manifest.services.items()}
            digest = snapshot.keep(tree, self._snapshots)
        say(f"Snapshot {artifact.reference(digest, '')}")
        for name, service in parsed.manifest.services.items():
            say(f"Service {name}: {service.command}")
        return BuildResult(text, _artifacts(digest, sub_directories))

    @contextlib.contextmanager
    def _new_directory(self) -> Iterator[Path]:
        """Yield an empty directory on the file system of the snapshots; what is still there at the end goes."""
        for place in (self._unpacking, self._snapshots):
            place.mkdir(parents=True, exist_ok=True, mode=0o755)
        tree = Path(tempfile.mkdtemp(dir=self._unpacking))
        tree.chmod(0o755)
        try:
            yield tree
        finally:
            if tree.exists():
                shutil.rmtree(tree, ignore_errors=True)


def _artifacts(digest: str, sub_directories: Mapping[str, str]) -> dict[str, str]:
    return {name: artifact.reference(digest, directory) for name, directory in sub_directories.items()}


def _manifest_text(tree: Path, name: str) -> str:
    """Return the manifest as it stands in the source, or the one that a Procfile stands for."""
    file = tree / name
    if not file.resolve().is_relative_to(tree.resolve()):
        raise BuildFailed(f"{name} is not in the source", hint="give a path inside the source")
    if file.is_file():
        return _text(file, name)
    procfile = tree / PROCFILE
    if name == DEFAULT_MANIFEST and procfile.is_file():
        return manifest.parse_procfile(_text(procfile, PROCFILE))
    raise BuildFailed(f"{name} is not in the source", hint=f"add {name} at its top, or name another with --manifest")


def _text(file: Path, name: str) -> str:
    if file.stat().st_size > MANIFEST_BYTES:
        raise BuildFailed(f"{name} is larger than {MANIFEST_BYTES} bytes", hint="shorten it")
    try:
        return file.read_bytes().decode()
    except UnicodeDecodeError as exc:
        raise BuildFailed(f"{name} is not UTF-8 text", hint="save it as UTF-8") from exc


def _start(tree: Path, name: str, service: Service) -> str:
    """Return the directory that a service starts in, empty for the top; raises BuildFailed if it cannot start."""
    if service.command is None:
        raise BuildFailed(
            f"service {name} has no command, and there is no image to take one from",
            hint=f"add services.{name}.command to the manifest",
        )
    sub_directory = "/".join(Path(service.build.path).parts) if service.build else ""
    if not (tree / sub_directory).is_dir():
        raise BuildFailed(
            f"service {name}: {sub_directory} is no directory of the source", hint=f"correct services.{name}.build"
        )
    return sub_directory


def _size(size_bytes: int) -> str:
    if size_bytes < 1000:
        return f"{size_bytes} bytes"
    return f"{size_bytes / 1000:.0f} kB" if size_bytes < 1_000_000 else f"{size_bytes / 1_000_000:.1f} MB"

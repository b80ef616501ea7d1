"""The source that was uploaded, as builders of every engine read it: its manifest, and what to say of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sternway.core import manifest
from sternway.core.errors import BuildFailed
from sternway.core.manifest import Manifest, Parsed

MANIFEST_BYTES = 1024 * 1024
DEFAULT_MANIFEST = "convox.yml"
PROCFILE = "Procfile"


@dataclass(frozen=True, slots=True)
class Source:
    """What a source says of itself: its manifest as it stands there and what it means, and lines about it."""

    text: str
    manifest: Manifest
    notes: tuple[str, ...]


def read(tree: Path, name: str, *, can_contain: bool) -> Source:
    """Read the manifest of an unpacked source; `can_contain` is the engine's. It blocks.

    Raises BuildFailed, and ManifestInvalid with everything that is wrong.
    """
    text = _manifest_text(tree, name)
    parsed = manifest.parse(text)
    return Source(text, parsed.manifest, tuple(_notes(parsed, can_contain=can_contain)))


def _notes(parsed: Parsed, *, can_contain: bool) -> Iterator[str]:
    for warning in parsed.warnings:
        yield f"Warning: {warning}"
    if later := manifest.not_yet_effective(parsed.manifest):
        yield f"Without effect in this version: {', '.join(later)}"
    contained = () if can_contain else manifest.effective_in_containers(parsed.manifest)
    if contained:
        yield f"Without effect outside containers: {', '.join(contained)}"


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


def size(size_bytes: int) -> str:
    """Return a size in words."""
    if size_bytes < 1000:
        return f"{size_bytes} bytes"
    return f"{size_bytes / 1000:.0f} kB" if size_bytes < 1_000_000 else f"{size_bytes / 1_000_000:.1f} MB"

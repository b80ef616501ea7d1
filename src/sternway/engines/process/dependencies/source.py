"""Reads files of a source tree that say what it needs: within the tree, text, and of a bounded size."""

from pathlib import Path

from sternway.core.errors import BuildFailed

MAX_BYTES = 32 * 1024 * 1024


def text(tree: Path, file: Path) -> str:
    """Return what the file holds; raises BuildFailed if it is outside of the tree, missing, huge or no text."""
    real = file.resolve()
    if not real.is_relative_to(tree.resolve()) or not real.is_file():
        raise BuildFailed(f"{file.name} is not in the source", hint="add it, or take out the line that names it")
    if real.stat().st_size > MAX_BYTES:
        raise BuildFailed(f"{file.name} is larger than {MAX_BYTES} bytes", hint="shorten it")
    try:
        return real.read_bytes().decode()
    except UnicodeDecodeError as exc:
        raise BuildFailed(f"{file.name} is not UTF-8 text", hint="save it as UTF-8") from exc

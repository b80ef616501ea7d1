"""The page of a channel that people read: every version with its date, label, notes, hashes and files."""

from collections.abc import Sequence
from html import escape
from itertools import groupby
from pathlib import Path

from sternway.channel.artifact import CLI, Artifact

PAGE = "index.html"
_PROGRAMS = {"rack": "Rack", "cli": "Command line"}

_STYLE = """\
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
article { border-top: 1px solid #8886; padding: .5rem 0 1rem; }
h2 { font-size: 1.1rem; margin: .5rem 0; }
code { font-size: .8rem; overflow-wrap: anywhere; }
.yanked { color: #b00020; }
@media (prefers-color-scheme: dark) { .yanked { color: #ff8a80; } }
"""


def write(directory: Path, artifacts: Sequence[Artifact]) -> None:
    """Write the page, newest version first; readers see the old one or the new one."""
    new = directory / f".{PAGE}.new"
    new.write_text(page(artifacts), encoding="utf-8")
    new.rename(directory / PAGE)


def page(artifacts: Sequence[Artifact]) -> str:
    """Return the page. The artifacts come newest first."""
    versions = [_version(version, list(found)) for version, found in groupby(artifacts, lambda each: each.version)]
    return f"""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sternway: all versions</title>
<style>
{_STYLE}</style>
<h1>All versions of Sternway</h1>
<p>To use a version of the command line, download the file for your platform, unzip it, and copy <code>sternway</code>
into your path, for example to <code>/usr/local/bin</code>. <code>sternway update VERSION</code> does the same with
every signature checked, and <code>sternway rack update VERSION</code> does it for a rack.</p>
{"".join(versions) or "<p>No version was published yet.</p>"}
</html>
"""


def _version(version: str, artifacts: list[Artifact]) -> str:
    first = artifacts[0]
    label = version.partition("-")[2]
    yanked = f'<p class="yanked">Do not use: {escape(first.yanked)}</p>\n' if first.yanked else ""
    notes = f"<p>{escape(first.notes)}</p>\n" if first.notes else ""
    date = f"{first.made_at:%Y-%m-%d %H:%M} UTC" + (f", {escape(label)}" if label else "")
    ordered = sorted(artifacts, key=lambda each: (each.program != CLI, each.platform))
    files = "".join(_file(artifact) for artifact in ordered)
    return (
        f'<article id="{version}">\n<h2>{version}</h2>\n<p>{date}</p>\n{yanked}{notes}<ul>\n{files}</ul>\n</article>\n'
    )


def _file(artifact: Artifact) -> str:
    size = f"{artifact.size_bytes / 1_000_000:.1f} MB"
    what = f"{_PROGRAMS[artifact.program]}, {escape(artifact.platform)}"
    return f'<li><a href="{artifact.path}">{what}</a>, {size}<br><code>sha256 {artifact.sha256}</code></li>\n'

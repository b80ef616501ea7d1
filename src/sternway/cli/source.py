"""What Git says about a source tree: the commit that it is, if it is one."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Commit:
    """`sha` in full, and what a build of it is called."""

    sha: str
    description: str


def commit(directory: Path) -> Commit | None:
    """Return the commit that the tree is; None when it has changes of its own, or is not Git's."""
    if _git(directory, "status", "--porcelain") != "":
        return None
    line = _git(directory, "log", "-1", "--format=%H %h %s")
    if not line:
        return None
    sha, short, subject = [*line.split(" ", 2), ""][:3]
    return Commit(sha, f"build {short} {subject}".rstrip())


def _git(directory: Path, *args: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(directory), *args], capture_output=True, timeout=TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace").strip()

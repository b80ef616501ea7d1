"""The artifact of the rack: everything but the interpreter, which is the machine's python3.11."""

import gzip
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from scripts.version.tree import Tree
from sternway.channel.artifact import RACK, Artifact, this_platform
from sternway.channel.installed import ABOUT, PACKAGES
from sternway.core import version as versions

PROGRAMS = {"sternwayd": "sternway.bootstrap", "sternway": "sternway.cli.main", "convox": "sternway.cli.main"}
LAUNCHER_PROTOCOL = 1


def make(tree: Tree, out: Path) -> Path:
    """Make the artifact; the same checkout and version give the same bytes."""
    file = out / Path(Artifact(tree.version, RACK, this_platform()).path).name
    with tempfile.TemporaryDirectory(prefix=".version-", dir=out.parent) as directory:
        root = Path(directory) / tree.version
        shutil.copytree(_dependencies(tree, out.parent), root, copy_function=os.link)
        tree.copy_package(root / PACKAGES)
        for name, module in PROGRAMS.items():
            _write_program(root / "bin" / name, name, module)
        (root / ABOUT).write_text(json.dumps(about(tree), indent=2, sort_keys=True) + "\n")
        _compile(root / PACKAGES / "sternway", root)
        _pack(root, file, tree)
    (out / f"{file.name}.about.json").write_text(json.dumps(about(tree), sort_keys=True) + "\n")
    return file


def _dependencies(tree: Tree, cache: Path) -> Path:
    """Return a directory with all that the lock names, compiled; it is made once for each lock."""
    made = cache / ".dependencies" / tree.lock_digest()
    if not made.exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=made.parent))
        tree.copy_dependencies(fresh / PACKAGES, fresh / "bin")
        _compile(fresh / PACKAGES, fresh)
        fresh.chmod(0o755)
        fresh.rename(made)
    return made


def about(tree: Tree) -> dict[str, object]:
    """Return what a version tells of itself before it runs."""
    return {
        "version": tree.version,
        "program": RACK,
        "platform": this_platform(),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "schema": _schemas(tree)[-1],
        "schemas": _schemas(tree),
        "launcher": LAUNCHER_PROTOCOL,
    }


def _schemas(tree: Tree) -> list[str]:
    """Return the revisions that the version can bring up to its own, the last of them, and down again."""
    migrations = tree.source / "src" / "sternway" / "store" / "migrations" / "versions"
    return sorted(path.name.partition("_")[0] for path in migrations.glob("[0-9]*.py"))


def _write_program(path: Path, name: str, module: str) -> None:
    """Write a program that runs its own environment, wherever that lies, and nothing of the machine's."""
    code = f"import sys; sys.argv[0] = {name!r}; from {module} import main; main()"
    path.write_text(f'#!/bin/sh\nexec "$(dirname "$(readlink -f "$0")")/python" -I -c "{code}" "$@"\n')
    path.chmod(0o755)


def _compile(packages: Path, root: Path) -> None:
    """Compile everything: an installed version is never written to. Checked by hash, since times do not last."""
    command = [sys.executable, "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([*command, "-s", str(root), "-p", "/sternway", str(packages)], check=True, env=variables)


def _pack(root: Path, file: Path, tree: Tree) -> None:
    made_at = int(versions.moment(tree.version).timestamp())

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = "root"
        member.mtime = made_at
        return member

    with (
        file.open("wb") as raw,
        gzip.GzipFile("", "wb", tree.compression, raw, mtime=made_at) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for path in sorted(root.rglob("*")):
            tar.add(path, str(path.relative_to(root)), recursive=False, filter=plain)

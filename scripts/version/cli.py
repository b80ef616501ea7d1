"""The artifact of the command line: a zip with one executable that needs nothing installed.

The executable unpacks itself once, into the cache of whoever runs it, and from then on starts what it unpacked.
"""

import importlib.metadata
import json
import os
import ssl
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from packaging.requirements import Requirement

from scripts.version.tree import Tree
from sternway.channel.artifact import CLI, Artifact, this_platform
from sternway.core import version as versions

CLI_NAME = "sternway"
HERE = Path(__file__).resolve().parent
STUB, ENTRY = HERE / "stub.sh", HERE / "entry.py"
COLLECTED = ("sternway.cli", "sternway.channel", "sternway.core", "sternway.ports", "sternway.wire")
NEEDED = ("click", "cryptography", "httptools", "pydantic", "pyyaml", "securesystemslib", "tuf", "websockets")
"""What the commands import, with all that these need; nothing else of the environment gets inside."""
LEFT_OUT = ("tkinter", "unittest", "pydoc", "doctest", "test", "lib2to3", "distutils", "sqlite3", "multiprocessing")
"""What of the standard library no command needs."""


def make(tree: Tree, out: Path) -> Path:
    """Make the zip, with `sternway` in it."""
    file = out / Path(Artifact(tree.version, CLI, this_platform()).path).name
    with tempfile.TemporaryDirectory(prefix="sternway-version-") as directory:
        work = Path(directory)
        tree.copy_package(work / "source")
        executable = work / "sternway"
        executable.write_bytes(wrapped(tree.version, _packed(_frozen(work), tree)))
        executable.chmod(0o755)
        pack(executable, file, tree.version)
    return file


def wrapped(version: str, payload: bytes) -> bytes:
    """Return the executable: the first lines, which say what follows them, and what follows."""
    text = STUB.read_text().replace("@VERSION@", version).replace("@DIGEST@", sha256(payload).hexdigest()[:32])
    return text.replace("@LINES@", str(text.count("\n") + 1)).encode() + payload


def pack(executable: Path, file: Path, version: str) -> None:
    """Make the zip of an executable, and what tells of it beside it."""
    entry = zipfile.ZipInfo(CLI_NAME, versions.moment(version).timetuple()[:6])
    entry.external_attr = 0o100755 << 16
    entry.compress_type = zipfile.ZIP_STORED  # what is in it is compressed already
    part = file.with_name(f".{file.name}.part")
    with zipfile.ZipFile(part, "w") as packed:
        packed.writestr(entry, executable.read_bytes())
    os.replace(part, file)
    told = {"version": version, "program": CLI, "platform": this_platform()}
    file.with_name(f"{file.name}.about.json").write_text(json.dumps(told) + "\n")


def _frozen(work: Path) -> Path:
    """Freeze the program with its interpreter; return the directory."""
    entry = work / "entry.py"
    entry.write_text(ENTRY.read_text().replace("@CERTIFICATES@", ssl.get_default_verify_paths().openssl_capath))
    collected = [word for name in COLLECTED for word in ("--collect-submodules", name)]
    left_out = [word for name in (*LEFT_OUT, *_foreign()) for word in ("--exclude-module", name)]
    places = ("--paths", work / "source", "--distpath", work / "dist", "--workpath", work / "build", "--specpath", work)
    command = [sys.executable, "-m", "PyInstaller", "--onedir", "--name", CLI_NAME, "--strip", "--log-level", "ERROR"]
    variables = {**os.environ, "PYTHONPATH": str(work / "source"), "PYINSTALLER_CONFIG_DIR": str(work / "config")}
    done = subprocess.run(
        [*command, *places, *collected, *left_out, entry],
        cwd=work,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"the command line could not be frozen:\n{done.stderr[-4000:]}")
    return work / "dist" / CLI_NAME


def _packed(directory: Path, tree: Tree) -> bytes:
    made_at = int(versions.moment(tree.version).timestamp())

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = "root"
        member.mtime = made_at
        return member

    file = directory.with_name("payload.tar.gz")
    with tarfile.open(file, "w:gz", compresslevel=tree.compression) as tar:
        tar.add(directory, CLI_NAME, filter=plain)
    return file.read_bytes()


def _foreign() -> list[str]:
    """Return the modules of this environment that the command line does not need."""
    needed = {"sternway"}
    waiting = list(NEEDED)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += _requirements(name)
    found = importlib.metadata.packages_distributions()
    return sorted(module for module, of in found.items() if not needed & {_normal(name) for name in of})


def _requirements(name: str) -> Iterator[str]:
    for line in importlib.metadata.requires(name) or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield _normal(requirement.name)


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")

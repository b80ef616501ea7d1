"""The artifact of the command line: a zip with one executable that needs nothing installed.

The executable unpacks itself once, into the cache of whoever runs it, and from then on starts what it unpacked.
"""

import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from hashlib import sha256
from pathlib import Path

from scripts.version.tree import Tree
from sternway.channel.artifact import CLI, Artifact, this_platform
from sternway.core import version as versions

HERE = Path(__file__).resolve().parent
STUB = HERE / "stub.sh"
COLLECTED = ("sternway.cli", "sternway.channel", "sternway.core", "sternway.wire", "sternway.ignore")


def make(tree: Tree, out: Path) -> Path:
    """Make the zip, with `sternway` in it."""
    file = out / Path(Artifact(tree.version, CLI, this_platform()).path).name
    with tempfile.TemporaryDirectory(prefix="sternway-version-") as directory:
        work = Path(directory)
        tree.copy_package(work / "source")
        payload = _frozen(work)
        executable = work / "sternway"
        executable.write_bytes(_stub(tree.version, payload) + payload)
        executable.chmod(0o755)
        _zip(executable, file, tree.version)
    told = {"version": tree.version, "program": CLI, "platform": this_platform()}
    (out / f"{file.name}.about.json").write_text(json.dumps(told) + "\n")
    return file


def _frozen(work: Path) -> bytes:
    """Freeze the program with its interpreter, and return it as a compressed tar."""
    entry = work / "entry.py"
    entry.write_text("from sternway.cli.main import main\n\nmain()\n")
    collected = [word for name in COLLECTED for word in ("--collect-submodules", name)]
    places = ("--paths", work / "source", "--distpath", work / "dist", "--workpath", work / "build", "--specpath", work)
    command = [sys.executable, "-m", "PyInstaller", "--onedir", "--name", "sternway", "--strip", "--log-level", "ERROR"]
    done = subprocess.run([*command, *places, *collected, entry], cwd=work, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the command line could not be frozen:\n{done.stderr[-4000:]}")
    packed = work / "payload.tar.gz"
    with tarfile.open(packed, "w:gz", compresslevel=6) as tar:
        tar.add(work / "dist" / "sternway", "sternway")
    return packed.read_bytes()


def _stub(version: str, payload: bytes) -> bytes:
    """Return the first lines of the executable, which say what follows them."""
    text = STUB.read_text().replace("@VERSION@", version).replace("@DIGEST@", sha256(payload).hexdigest()[:32])
    lines = text.count("\n")
    return text.replace("@LINES@", str(lines + 1)).encode()


def _zip(executable: Path, file: Path, version: str) -> None:
    entry = zipfile.ZipInfo(executable.name, versions.moment(version).timetuple()[:6])
    entry.external_attr = 0o100755 << 16
    entry.compress_type = zipfile.ZIP_STORED  # what is in it is compressed already
    part = file.with_name(f".{file.name}.part")
    with zipfile.ZipFile(part, "w") as packed:
        packed.writestr(entry, executable.read_bytes())
    os.replace(part, file)

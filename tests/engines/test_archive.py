"""Hostile archives: each is refused, and nothing of it is left."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from sternway.core.errors import BuildFailed
from sternway.engines import archive


def entry(name: str, kind: bytes = tarfile.REGTYPE, *, target: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, target, mode
    return info


def packed(path: Path, *entries: tarfile.TarInfo, content: bytes = b"text", mode: str = "w:gz") -> Path:
    with tarfile.open(path / "source.tgz", mode) as tar:  # type: ignore[call-overload]
        for info in entries:
            info.size = len(content) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(content))
    return path / "source.tgz"


@pytest.fixture
def into(tmp_path: Path) -> Path:
    (tmp_path / "tree").mkdir()
    return tmp_path / "tree"


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_files_directories_and_inner_links_are_unpacked(tmp_path: Path, into: Path, mode: str):
    source = packed(
        tmp_path,
        entry("./", tarfile.DIRTYPE),
        entry("./bin/run", mode=0o4711),
        entry("bin/again", tarfile.SYMTYPE, target="run"),
        entry("copy", tarfile.LNKTYPE, target="bin/run"),
        entry("empty", tarfile.DIRTYPE, mode=0),
        mode=mode,
    )
    unpacked = archive.unpack(source, into)
    assert (unpacked.files, unpacked.size_bytes) == (5, 4)
    assert (into / "bin/again").read_bytes() == (into / "copy").read_bytes() == b"text"
    assert (into / "bin/run").stat().st_mode & 0o7777 == 0o755
    assert (into / "empty").is_dir()


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([entry("/etc/passwd")], "absolute path"),
        ([entry("../outside")], "leads out of the tree"),
        ([entry("a/../../outside")], "leads out of the tree"),
        ([entry("link", tarfile.SYMTYPE, target="/etc")], "leads out of the tree"),
        ([entry("a/link", tarfile.SYMTYPE, target="../../outside")], "leads out of the tree"),
        ([entry("link", tarfile.LNKTYPE, target="../outside")], "leads out of the tree"),
        ([entry("link", tarfile.LNKTYPE, target="missing")], "what is not there"),
        ([entry(".", tarfile.SYMTYPE, target="a")], "in place of the tree"),
        ([entry("pipe", tarfile.FIFOTYPE)], "device or a pipe"),
        ([entry("disk", tarfile.BLKTYPE)], "device or a pipe"),
        ([entry("tty", tarfile.CHRTYPE)], "device or a pipe"),
        (
            [
                entry("a/b", tarfile.DIRTYPE),
                entry("a/b/c", tarfile.SYMTYPE, target="../.."),
                entry("evil", tarfile.SYMTYPE, target="a/b/c/../outside"),
            ],
            "leads out of the tree",
        ),
        (
            [
                entry("sub", tarfile.SYMTYPE, target="elsewhere"),
                entry("elsewhere", tarfile.DIRTYPE),
                entry("sub/link", tarfile.SYMTYPE, target="x"),
            ],
            "through a link",
        ),
    ],
)
def test_an_entry_that_could_do_harm_is_refused(
    tmp_path: Path, into: Path, entries: list[tarfile.TarInfo], reason: str
):
    (tmp_path / "outside").write_text("outside")
    with pytest.raises(BuildFailed, match=reason):
        archive.unpack(packed(tmp_path, *entries), into)
    assert (tmp_path / "outside").read_text() == "outside"


def test_no_file_is_written_through_a_link(tmp_path: Path, into: Path):
    source = packed(tmp_path, entry("x", tarfile.SYMTYPE, target="y"), entry("x/file"), entry("y", tarfile.DIRTYPE))
    with pytest.raises(BuildFailed):
        archive.unpack(source, into)
    assert not (into / "y/file").exists()


def test_too_many_files_and_too_many_bytes_are_refused(tmp_path: Path, into: Path):
    source = packed(tmp_path, entry("one"), entry("two"))
    with pytest.raises(BuildFailed, match="more than 1 files"):
        archive.unpack(source, into, archive.Bounds(files=1))
    with pytest.raises(BuildFailed, match="more than 7 bytes"):
        archive.unpack(source, into, archive.Bounds(size_bytes=7))


@pytest.mark.parametrize("content", [b"", b"no archive at all", b"\x1f\x8b\x08 cut off"])
def test_what_is_no_archive_is_refused(tmp_path: Path, into: Path, content: bytes):
    (tmp_path / "source.tgz").write_bytes(content)
    with pytest.raises(BuildFailed, match="cannot be unpacked"):
        archive.unpack(tmp_path / "source.tgz", into)


def test_an_archive_that_is_cut_off_is_refused(tmp_path: Path, into: Path):
    source = packed(tmp_path, entry("file"), content=os.urandom(50_000))
    source.write_bytes(source.read_bytes()[:20_000])
    with pytest.raises(BuildFailed, match="cannot be unpacked"):
        archive.unpack(source, into)

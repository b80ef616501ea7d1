import io
import os
import tarfile
from pathlib import Path

import pytest

from sternway.core.errors import BuildFailed
from sternway.engines.docker.builds import context


def write(directory: Path, **files: str) -> None:
    for name, text in files.items():
        file = directory / name.replace("__", "/").replace("_dot_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def packed(directory: Path, dockerfile: str = "Dockerfile") -> bytes:
    return b"".join(context.chunks(context.read(directory, dockerfile)))


def entries(content: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return {entry.name: entry for entry in tar}


def test_the_tar_holds_files_directories_and_links(tmp_path: Path):
    write(tmp_path, Dockerfile="FROM x", web__app="run")
    (tmp_path / "web/app").chmod(0o700)
    (tmp_path / "link").symlink_to("web/app")
    os.utime(tmp_path / "web/app", (1000, 1000))
    found = entries(packed(tmp_path))
    assert list(found) == ["Dockerfile", "link", "web", "web/app"]
    assert found["link"].issym()
    assert found["link"].linkname == "web/app"
    assert (found["web/app"].mode, found["web/app"].mtime) == (0o755, 1000)
    assert found["Dockerfile"].mode == 0o644
    assert {(entry.uid, entry.gid, entry.uname) for entry in found.values()} == {(0, 0, "")}
    with tarfile.open(fileobj=io.BytesIO(packed(tmp_path))) as tar:
        content = tar.extractfile("web/app")
        assert content is not None
        assert content.read() == b"run"


def test_the_same_directory_gives_the_same_bytes(tmp_path: Path):
    for name in ("one", "two"):
        write(tmp_path / name, Dockerfile="FROM x", web__app="run", **{"a" * 120: "long"})
        for file in (tmp_path / name).rglob("*"):
            os.utime(file, (7, 7) if file.is_file() else None)
    assert packed(tmp_path / "one") == packed(tmp_path / "two")


def test_what_the_rules_leave_out_is_not_sent_but_for_what_the_engine_reads(tmp_path: Path):
    write(tmp_path, docker__Run="FROM x", docker__other="", a_dot_log="", src__b_dot_log="", src__c="")
    (tmp_path / ".dockerignore").write_text("*\n!src\n**/*.log\n")
    assert list(entries(packed(tmp_path, "docker/Run"))) == [".dockerignore", "docker/Run", "src", "src/c"]


def test_a_bad_rule_is_named(tmp_path: Path):
    (tmp_path / ".dockerignore").write_text("ok\n[b-a]\n")
    with pytest.raises(BuildFailed, match=r"\.dockerignore: not a pattern: \[b-a\]"):
        context.read(tmp_path, "Dockerfile")


async def test_a_large_file_is_never_in_memory_as_a_whole(tmp_path: Path):
    write(tmp_path, Dockerfile="FROM x")
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", 8 * 1024 * 1024 + 1)
    sizes = [len(piece) async for piece in context.stream(context.read(tmp_path, "Dockerfile"))]
    assert sum(sizes) > 8 * 1024 * 1024
    assert sum(sizes) % tarfile.BLOCKSIZE == 0
    assert max(sizes) < 3 * context.CHUNK

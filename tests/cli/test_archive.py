import os
import tarfile
from pathlib import Path

import pytest

from sternway.cli import archive, errors


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name in ("convox.yml", "Dockerfile", "web/app.py", "web/app.pyc", "web/.git/config", ".git/HEAD", "tmp/x"):
        path = tmp_path / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "src"


def names(directory: Path) -> list[str]:
    with archive.pack(directory) as file, tarfile.open(fileobj=file) as tar:
        return tar.getnames()


def test_history_of_git_never_goes_along(source: Path) -> None:
    assert names(source) == [
        "Dockerfile", "convox.yml", "tmp", "tmp/x", "web", "web/app.py", "web/app.pyc",
    ]  # fmt: skip


def test_ignored_files_stay_here(source: Path) -> None:
    (source / ".dockerignore").write_text("tmp\n**/*.pyc\n")
    assert names(source) == [".dockerignore", "Dockerfile", "convox.yml", "web", "web/app.py"]


def test_what_is_taken_back_goes_along_though_its_folder_does_not(source: Path) -> None:
    (source / ".dockerignore").write_text("*\n!web/app.py\n")
    assert names(source) == ["Dockerfile", "convox.yml", "web/app.py"]


def test_same_tree_gives_the_same_bytes(source: Path, tmp_path: Path) -> None:
    with archive.pack(source) as one, archive.pack(source) as other:
        assert one.read() == other.read()


def test_owner_is_nobody_and_content_and_mode_stay(source: Path) -> None:
    (source / "web" / "app.py").chmod(0o755)
    os.utime(source / "web" / "app.py", (1_000_000_000.5, 1_000_000_000.5))
    with archive.pack(source) as file, tarfile.open(fileobj=file) as tar:
        entry = tar.getmember("web/app.py")
        assert (entry.mode, entry.uid, entry.uname, entry.mtime) == (0o755, 0, "", 1_000_000_000)
        content = tar.extractfile(entry)
        assert content is not None
        assert content.read() == b"web/app.py"


def test_links_are_kept_and_not_followed(source: Path) -> None:
    (source / "link").symlink_to("/etc")
    os.link(source / "convox.yml", source / "hard")
    os.mkfifo(source / "pipe")
    with archive.pack(source) as file, tarfile.open(fileobj=file) as tar:
        assert tar.getmember("link").linkname == "/etc"
        assert tar.getmember("hard").isreg()
        assert tar.getmember("convox.yml").isreg()
        assert "pipe" not in tar.getnames()


def test_folder_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(errors.CommandFailed) as failed:
        archive.pack(tmp_path / "absent")
    assert failed.value.exit_code == 3

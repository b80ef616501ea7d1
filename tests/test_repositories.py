"""Repositories, fetched by the real Git from a real server on this machine."""

import asyncio
import base64
import contextlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import pytest

from sternway import repositories
from sternway.core.errors import BuildFailed, Refused, Unsupported
from sternway.core.repository import read
from sternway.repositories import GitRepositories

BACKEND = Path("/usr/lib/git-core/git-http-backend")
PASSWORD = "s3cret-token"

pytestmark = pytest.mark.skipif(not BACKEND.exists(), reason="no git-http-backend here")


class Server:
    """Serves repositories over smart HTTP, one request a connection; asks for a password below /private."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = ""
        self.asked: list[str] = []
        self.redirect = ""
        self.is_stuck = False
        self._serving: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.ensure_future(self._serve(reader, writer))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)

    async def end(self) -> None:
        """End what is still asked by somebody who was killed."""
        for serving in (left := set(self._serving)):
            serving.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(ConnectionError, EOFError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, target, _ = head.split("\r\n")[0].split(" ")
            headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head.split("\r\n")[1:])}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.asked.append(target)
            if self.is_stuck:
                await reader.read()  # until whoever asks has given up
            writer.write(await self._answer(method, target, headers, body))
            await writer.drain()

    async def _answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> bytes:
        if self.redirect:
            return f"HTTP/1.1 301 Moved\r\nLocation: {self.redirect}{target}\r\nContent-Length: 0\r\n\r\n".encode()
        path, _, query = target.partition("?")
        wanted = "Basic " + base64.b64encode(f"me:{PASSWORD}".encode()).decode()
        if path.startswith("/private") and headers.get("authorization") != wanted:
            return b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="git"\r\nContent-Length: 0\r\n\r\n'
        said = await self._run(method, path.removeprefix("/private"), query, headers, body)
        top, _, content = said.partition(b"\r\n\r\n")
        status = next((line[8:] for line in top.split(b"\r\n") if line.startswith(b"Status: ")), b"200 OK")
        return b"HTTP/1.1 " + status + b"\r\nConnection: close\r\n" + top + b"\r\n\r\n" + content

    async def _run(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> bytes:
        environment = {
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": headers.get("git-protocol", ""),
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": method,
            "CONTENT_TYPE": headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": headers.get("content-encoding", ""),
            "PATH": os.environ["PATH"],
        }
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(str(BACKEND), stdin=pipe, stdout=pipe, env=environment)
        return (await process.communicate(body))[0]


@pytest.fixture
async def server(tmp_path):
    """A server with one repository of two commits, the first of them tagged v1."""
    opened = Server(tmp_path / "served")
    source = tmp_path / "source"
    source.mkdir()

    def git(*arguments: str) -> None:
        who = ["-c", "user.name=ann", "-c", "user.email=ann@example.com", "-c", "init.defaultBranch=main"]
        subprocess.run(["git", *who, *arguments], cwd=source, check=True, capture_output=True)

    git("init")
    for version, subject in (("1", "First"), ("2", "Second \x1b[31m<b>")):
        (source / "version.txt").write_text(version)
        git("add", "-A")
        git("commit", "-m", subject)
        git("tag", f"v{version}")
    shutil.copytree(source / ".git", opened.root / "shop.git")
    listening = await asyncio.start_server(opened.serve, "127.0.0.1", 0)
    opened.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with listening:
        yield opened
        await opened.end()


def permissive(**bounds) -> GitRepositories:
    return GitRepositories(check=lambda *_: None, **bounds)


async def files_of(fetcher: GitRepositories, url: str, ref: str = "HEAD") -> tuple[str, dict[str, str]]:
    async with fetcher.fetch(read(url), ref) as fetched:
        content = b"".join([chunk async for chunk in fetched.tar])
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            contents = {member.name: tar.extractfile(member) for member in tar if member.isreg()}
            return fetched.commit.subject, {name: file.read().decode() for name, file in contents.items() if file}


@pytest.mark.parametrize(("ref", "version"), [("HEAD", "2"), ("main", "2"), ("v1", "1")])
async def test_files_of_one_commit_come_without_its_history(server, ref, version):
    subject, files = await files_of(permissive(), f"{server.url}/shop.git", ref)
    assert files == {"version.txt": version}
    assert subject == {"1": "First", "2": "Second [31m<b>"}[version]


async def test_password_is_handed_over_and_in_no_argument_or_message(server, monkeypatch):
    started = []
    real = asyncio.create_subprocess_exec

    async def recorded(*arguments, **options):
        started.append(arguments)
        return await real(*arguments, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", recorded)
    address = server.url.replace("://", f"://me:{PASSWORD}@")
    assert (await files_of(permissive(), f"{address}/private/shop.git"))[1] == {"version.txt": "2"}
    wrong = server.url.replace("://", f"://me:{PASSWORD}x@")
    with pytest.raises(BuildFailed) as refused:
        await files_of(permissive(), f"{wrong}/private/shop.git")
    assert PASSWORD not in f"{started}{refused.value.message}{server.asked}{read(address + '/a')!r}"


async def test_whoever_has_no_password_is_asked_for_none(server):
    with pytest.raises(BuildFailed, match="terminal prompts disabled"):
        await files_of(permissive(), f"{server.url}/private/shop.git")


@pytest.mark.parametrize(("path", "ref"), [("/none.git", "HEAD"), ("/shop.git", "nobody")])
async def test_what_is_not_there_is_told(server, path, ref):
    with pytest.raises(BuildFailed, match="cannot be fetched"):
        await files_of(permissive(), f"{server.url}{path}", ref)


async def test_redirect_is_not_followed(server):
    server.redirect = "http://169.254.169.254"
    with pytest.raises(BuildFailed):
        await files_of(permissive(), f"{server.url}/shop.git")


async def test_this_machine_is_not_fetched_from(server):
    for host in ("127.0.0.1", "localhost", "2130706433"):
        with pytest.raises(Refused):
            await files_of(GitRepositories(), f"{server.url.replace('127.0.0.1', host)}/shop.git")
    assert server.asked == []


async def test_what_takes_too_long_ends_and_leaves_nothing(server, monkeypatch):
    server.is_stuck = True
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        monkeypatch.setattr(repositories, "ROOM", Path(place))
        with pytest.raises(BuildFailed, match="longer than"):
            await files_of(permissive(timeout_s=0.5), f"{server.url}/shop.git")
        assert os.listdir(place) == []


async def test_what_is_too_large_is_refused(server):
    with pytest.raises(BuildFailed):
        await files_of(permissive(max_bytes=512), f"{server.url}/shop.git")


async def test_machine_without_git_says_so(server, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(Unsupported, match="git is not installed"):
        await files_of(permissive(), f"{server.url}/shop.git")


async def test_settings_of_the_user_have_no_say(server, tmp_path, monkeypatch):
    (tmp_path / ".gitconfig").write_text(f'[url "file://{server.root}/"]\n\tinsteadOf = {server.url}/\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    assert (await files_of(permissive(), f"{server.url}/shop.git"))[1] == {"version.txt": "2"}
    assert server.asked

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiodocker
import pytest

from sternway.core.errors import ArtifactGone, BuildFailed, EngineUnavailable, ManifestInvalid
from sternway.core.registry import Registries
from sternway.core.release import BuildOptions
from sternway.engines.docker.builds.builder import sweep
from sternway.engines.docker.calls.connection import Connection
from sternway.ports import Builder
from tests.engines.docker import registry as registries
from tests.engines.docker.registry import PASSWORD, Registry
from tests.engines.docker.sources import BASE, Bench, order, private_image

MANIFEST = "services:\n  web:\n    build: .\n    port: 3000\n"
SOURCE = {"convox.yml": MANIFEST, "Dockerfile": f'FROM {BASE}\nCOPY . /app\nCMD ["sleep", "1000"]\n'}
RUN_AND_TELL = f"FROM {BASE}\nARG WHO=nobody\nRUN echo for $WHO >/who && cat /who\n"


@pytest.fixture
async def bench(docker_host: str, tmp_path: Path) -> AsyncIterator[Bench]:
    connection = Connection(docker_host)
    async with connection.opened():
        bench = Bench(connection, uuid.uuid4().hex[:12], tmp_path)
        yield bench
        await bench.images.forget("shop")


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with registries.running(tmp_path_factory.mktemp("private"), is_private=True) as registry:
        yield registry


async def test_a_build_gives_the_manifest_as_it_stood_and_an_image_per_service(bench: Bench):
    builder: Builder = bench.builder
    result = await builder.build(order(bench.directory, SOURCE), bench.hear)
    assert result.manifest == MANIFEST
    image = await bench.inspect(result.artifacts["web"])
    assert image["Config"]["Labels"].items() >= {"sternway.app": "shop", "sternway.rack": bench.rack}.items()
    assert await bench.tags() == ["shop:BAAAAAAAAAA-web", "shop:RAAAAAAAAAA-web"]
    assert bench.log.startswith(b"Unpacking 2 files, 101 bytes\nBuilding Dockerfile\nStep 1/")
    assert bench.log.endswith(f"Service web: {result.artifacts['web']}\n".encode())
    assert bench.left() == []
    await builder.verify("shop", result.artifacts["web"])
    assert await builder.sizes(result.artifacts.values()) == {result.artifacts["web"]: image["Size"]}


async def test_the_same_source_is_the_same_image_while_the_cache_is_warm(bench: Bench):
    first = await bench.build(SOURCE)
    second = await bench.build(dict(reversed(SOURCE.items())))
    assert first.artifacts == second.artifacts
    anew = await bench.build(SOURCE, BuildOptions("key", use_cache=False))
    assert anew.artifacts != first.artifacts


async def test_services_with_one_build_share_its_image_and_have_tags_of_their_own(bench: Bench):
    manifest = "services:\n  web:\n    build: .\n  worker:\n    build: ./\n    command: work\n"
    result = await bench.build({**SOURCE, "convox.yml": manifest})
    assert result.artifacts["web"] == result.artifacts["worker"]
    assert bench.log.count(b"Step 1/") == 1
    assert "shop:BAAAAAAAAAA-worker" in await bench.tags()


async def test_arguments_of_the_command_come_before_those_of_the_manifest(bench: Bench):
    manifest = "services:\n  a:\n    build: {path: ., args: [WHO=manifest]}\n  b:\n    build: .\n"
    source = {"convox.yml": manifest, "Dockerfile": RUN_AND_TELL}
    result = await bench.build(source)
    assert b"[a] for manifest\n" in bench.log
    assert b"[b] for nobody\n" in bench.log
    assert result.artifacts["a"] != result.artifacts["b"]
    bench.log = b""
    result = await bench.build(source, BuildOptions("key", arguments=("WHO=command",)))
    assert bench.log.count(b"for command\n") == 1
    assert result.artifacts["a"] == result.artifacts["b"]


async def test_arguments_are_not_told_by_the_log(bench: Bench):
    source = {"convox.yml": MANIFEST, "Dockerfile": f'FROM {BASE}\nARG TOKEN\nRUN test -n "$TOKEN"\n'}
    options = BuildOptions("key", arguments=("TOKEN=hunter2", "UNKNOWN"))
    await bench.build(source, options)
    with pytest.raises(BuildFailed) as failed:
        await bench.build({**source, "Dockerfile": f'FROM {BASE}\nARG TOKEN\nRUN test -z "$TOKEN"\n'}, options)
    assert "hunter2" not in str(failed.value)
    assert b"hunter2" not in bench.log


async def test_development_stops_at_that_stage_where_there_is_one(bench: Bench):
    stages = f"FROM {BASE} AS development\nRUN echo early\nFROM development\nRUN echo late\n"
    await bench.build({"convox.yml": MANIFEST, "Dockerfile": stages}, BuildOptions("key", is_development=True))
    assert b"early\n" in bench.log
    assert b"late\n" not in bench.log
    await bench.build(SOURCE, BuildOptions("key", is_development=True))


async def test_a_directory_has_its_own_dockerfile_and_its_own_ignore_file(bench: Bench):
    files = {
        "convox.yml": "services:\n  web:\n    build: {path: web, manifest: docker/Run}\n",
        "secret": "not sent",
        "web/docker/Run": f"FROM {BASE}\nCOPY . /app\nRUN cd /app && find . -type f | sort\n",
        "web/.dockerignore": "docker\n*.log\nlogs/**\n!logs/kept.txt\n",
        "web/app.py": "",
        "web/a.log": "",
        "web/logs/gone.txt": "",
        "web/logs/kept.txt": "",
    }
    await bench.build(files)
    listed = re.findall(rb"^\./(.*)$", bench.log, re.MULTILINE)
    assert sorted(listed) == [b".dockerignore", b"app.py", b"logs/kept.txt"]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"convox.yml": MANIFEST}, "service web: there is no Dockerfile in the source; add one, name another with"),
        ({"convox.yml": "services:\n  web:\n    build: web\n"}, "service web: web is no directory of the source"),
        ({**SOURCE, "Dockerfile": f"FROM {BASE}\nRUN exit 3\n"}, "service web: .* returned a non-zero code: 3"),
        ({**SOURCE, "Dockerfile": "NONSENSE\n"}, "service web: .*unknown instruction: NONSENSE"),
        ({**SOURCE, ".dockerignore": "[b-a]\n"}, "not a pattern"),
        ({"convox.yml": "services:\n  web:\n    image: ../info\n"}, "service web: '../info' cannot be the name"),
        ({"convox.yml": "services:\n  web:\n    image: 127.0.0.1:1/none\n"}, "service web: 127.0.0.1:1/none cannot be"),
    ],
)
async def test_what_cannot_be_built_says_why_and_leaves_nothing(bench: Bench, files: dict[str, str], reason: str):
    with pytest.raises(BuildFailed, match=reason):
        await bench.build(files)
    assert await bench.tags() == []
    assert bench.left() == []
    for container in re.findall(rb"Running in ([0-9a-f]+)", bench.log):
        await removed(bench, container.decode())


async def removed(bench: Bench, container: str) -> None:
    """Wait until the engine has removed a container."""
    try:
        async with asyncio.timeout(20):
            await bench.connection.docker.containers.container(container).wait(condition="removed")
    except aiodocker.DockerError as problem:
        assert problem.status == 404  # noqa: PT017 - gone already


async def test_a_manifest_with_errors_is_refused_before_anything_is_built(bench: Bench):
    with pytest.raises(ManifestInvalid):
        await bench.build({**SOURCE, "convox.yml": "services:\n  web:\n    port: none\n"})
    assert b"Step" not in bench.log


async def test_another_manifest_is_read_by_its_name(bench: Bench):
    files = {"other.yml": MANIFEST, "Dockerfile": SOURCE["Dockerfile"]}
    assert (await bench.build(files, BuildOptions("key", manifest_path="other.yml"))).manifest == MANIFEST


async def test_cancelling_ends_the_build_in_the_engine_while_its_log_comes_live(bench: Bench):
    begun = asyncio.Event()

    def hear(chunk: bytes) -> None:
        bench.hear(chunk)
        if b"it has begun\n" in bench.log.replace(b"echo it has begun", b""):
            begun.set()

    source = {"convox.yml": MANIFEST, "Dockerfile": f"FROM {BASE}\nRUN echo it has begun; sleep 1000\n"}
    building = asyncio.ensure_future(bench.builder.build(order(bench.directory, source), hear))
    async with asyncio.timeout(20):
        await begun.wait()
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    container = re.findall(rb"Running in ([0-9a-f]+)", bench.log)[-1].decode()
    await removed(bench, container)
    assert await bench.tags() == []
    assert bench.left() == []


async def test_the_first_failure_ends_the_other_images(bench: Bench):
    manifest = "services:\n  bad:\n    build: bad\n  slow:\n    build: slow\n"
    files = {
        "convox.yml": manifest,
        "bad/Dockerfile": f"FROM {BASE}\nRUN sleep 0.3; exit 3\n",
        "slow/Dockerfile": f"FROM {BASE}\nRUN sleep 1000\n",
    }
    async with asyncio.timeout(20):
        with pytest.raises(BuildFailed, match="service bad"):
            await bench.build(files)
    for container in re.findall(rb"Running in ([0-9a-f]+)", bench.log):
        await removed(bench, container.decode())


async def test_a_syntax_line_alone_needs_no_buildkit(bench: Bench):
    await bench.build({**SOURCE, "Dockerfile": f"# syntax=docker/dockerfile:1\n{SOURCE['Dockerfile']}"})


async def test_an_image_is_used_as_it_is(bench: Bench):
    manifest = f"services:\n  web:\n    image: {BASE}\n    build: nowhere\n"
    result = await bench.build({"convox.yml": manifest})
    assert result.artifacts["web"] == f"docker:{await bench.images.find(BASE)}"
    assert b"which the engine has" in bench.log
    bench.log = b""
    anew = await bench.build({"convox.yml": manifest}, BuildOptions("key", use_cache=False))
    assert anew.artifacts == result.artifacts
    assert b"cannot be pulled, the one that the engine has is used" in bench.log


async def test_a_private_image_is_pulled_with_the_login_for_its_server(bench: Bench, private: Registry):
    reference = await private_image(bench, private)
    files = {"convox.yml": f"services:\n  web:\n    image: {reference}\n"}
    with pytest.raises(BuildFailed, match="no basic auth credentials"):
        await bench.build(files)
    bench.registries = Registries({private.server: private.login})
    result = await bench.build(files)
    image = await bench.inspect(result.artifacts["web"])
    digest = next(each for each in image["RepoDigests"] if each.startswith(private.server))
    await bench.connection.docker.images.delete(reference)
    by_digest = await bench.build({"convox.yml": f"services:\n  web:\n    image: {digest}\n"})
    assert by_digest.artifacts == result.artifacts
    assert PASSWORD.encode() not in bench.log
    await bench.connection.docker.images.delete(digest)


async def test_a_private_base_image_is_pulled_with_the_login_for_its_server(bench: Bench, private: Registry):
    reference = await private_image(bench, private)
    files = {**SOURCE, "Dockerfile": f"FROM {reference}\nRUN echo based\n"}
    with pytest.raises(BuildFailed, match="no basic auth credentials"):
        await bench.build(files)
    bench.registries = Registries({private.server: private.login})
    await bench.build(files)
    assert PASSWORD.encode() not in bench.log
    await bench.connection.docker.images.delete(reference)


async def test_what_was_built_comes_back_from_the_registry_that_was_set(bench: Bench, private: Registry):
    bench.registries = Registries({private.server: private.login}, push_to=f"{private.server}/apps")
    result = await bench.build(SOURCE)
    artifact = result.artifacts["web"]
    image_id = artifact.removeprefix("docker:")
    assert await bench.tags() == ["shop:BAAAAAAAAAA-web", "shop:RAAAAAAAAAA-web"]
    await bench.connection.docker.images.delete(image_id, force=True)
    assert await bench.builder.missing("shop", [artifact]) == [artifact]
    await bench.builder.verify("shop", artifact)
    await bench.images.bring_back("shop", image_id)
    assert await bench.builder.missing("shop", [artifact]) == []


async def test_a_failed_push_fails_the_build_and_takes_its_tags_away(bench: Bench, private: Registry):
    bench.registries = Registries(push_to=private.server)
    with pytest.raises(BuildFailed, match=r"the images cannot be kept: .*no basic auth credentials"):
        await bench.build(SOURCE)
    assert await bench.tags() == []


async def test_an_image_that_was_deleted_is_missing_and_its_artifact_gone(bench: Bench):
    artifact = (await bench.build(SOURCE)).artifacts["web"]
    await bench.connection.docker.images.delete(artifact.removeprefix("docker:"), force=True)
    assert await bench.builder.missing("shop", [artifact]) == [artifact]
    with pytest.raises(ArtifactGone, match="no longer there, and this rack keeps no copies in a registry"):
        await bench.builder.verify("shop", artifact)


async def test_what_is_discarded_goes_unless_it_is_needed_or_has_another_name(bench: Bench):
    kept = (await bench.build(SOURCE)).artifacts["web"]
    dropped = (await bench.build({**SOURCE, "more": bench.rack})).artifacts["web"]
    base = f"docker:{await bench.images.find(BASE)}"
    await bench.images.tag(base.removeprefix("docker:"), "shop", "BAAAAAAAAAA-base")
    for _ in range(2):
        await bench.builder.discard("shop", [kept, dropped, base, "tree:sha256:1"], needed=[kept])
        assert await bench.builder.missing("shop", [kept, dropped, base]) == [dropped]
    assert not any(tag.endswith("base") for tag in await bench.tags())


async def test_an_artifact_of_another_engine_is_gone_here(bench: Bench):
    foreign = f"tree:sha256:{'0' * 64}"
    assert await bench.builder.missing("shop", [foreign]) == [foreign]
    with pytest.raises(ArtifactGone, match="cannot run on the Docker engine"):
        await bench.builder.verify("shop", foreign)


async def test_an_engine_that_is_down_is_the_reason(tmp_path: Path):
    bench = Bench(Connection(f"unix://{tmp_path}/nothing.sock"), "rack", tmp_path)
    with pytest.raises(EngineUnavailable, match="Cannot connect"):
        await bench.build(SOURCE)
    assert bench.left() == []


def test_what_an_interrupted_build_left_is_swept(tmp_path: Path):
    (tmp_path / "building/abc/sub").mkdir(parents=True)
    sweep(tmp_path)
    sweep(tmp_path)
    assert list((tmp_path / "building").iterdir()) == []

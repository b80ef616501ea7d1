import pytest

from sternway.core.errors import BuildFailed
from sternway.engines.docker.builds import dockerfile, offer

DOCKER_20 = {"Api-Version": "1.41", "Ostype": "linux"}
DOCKER_20_SET = {**DOCKER_20, "Builder-Version": "2"}
DOCKER_20_CLASSIC = {**DOCKER_20, "Builder-Version": "1"}
DOCKER_23 = {"Api-Version": "1.42", "Ostype": "linux", "Builder-Version": "2"}
PODMAN = {"Api-Version": "1.41", "Builder-Version": "", "Libpod-API-Version": "4.3.1"}

MOUNTING = "FROM a\nRUN --mount=type=cache,target=/x make\n"
DOCUMENT = f"{MOUNTING}RUN <<END\nmake\nEND\n"
WISH = "# syntax=docker/dockerfile:1\nFROM a\n"


@pytest.mark.parametrize(
    ("headers", "text", "is_by_buildkit"),
    [
        (DOCKER_20, "FROM a\n", False),
        (DOCKER_20, MOUNTING, True),
        (DOCKER_20, WISH, False),
        (DOCKER_20_SET, WISH, True),
        (DOCKER_20, f"# syntax=docker/dockerfile:1\n{DOCUMENT}", True),
        (DOCKER_23, "FROM a\n", False),
        (DOCKER_23, DOCUMENT, True),
        (PODMAN, DOCUMENT, False),
    ],
)
def test_what_an_engine_says_of_itself_decides_who_builds(headers: dict[str, str], text: str, is_by_buildkit: bool):
    assert offer.needs_buildkit(offer.read(headers), dockerfile.read(text), "Dockerfile") is is_by_buildkit


@pytest.mark.parametrize(
    ("headers", "text", "reason"),
    [
        (DOCKER_20, DOCUMENT, "Dockerfile, line 3: RUN with a here-document is more than the BuildKit of this engine"),
        (DOCKER_20_CLASSIC, MOUNTING, "Dockerfile, line 2: RUN --mount needs BuildKit, which this engine does not"),
        ({"Ostype": "windows"}, DOCUMENT, "Dockerfile, line 2: RUN --mount needs BuildKit"),
    ],
)
def test_what_an_engine_cannot_build_is_refused_with_its_line(headers: dict[str, str], text: str, reason: str):
    with pytest.raises(BuildFailed, match=reason):
        offer.needs_buildkit(offer.read(headers), dockerfile.read(text), "Dockerfile")

import pytest

from sternway.engines.docker.builds import dockerfile
from sternway.engines.docker.builds.dockerfile import Feature


@pytest.mark.parametrize(
    ("text", "feature"),
    [
        ("FROM a\nRUN --mount=type=secret,id=x true", Feature("RUN --mount", 2)),
        ("FROM a\nRUN true \\\n  # why\n  --mount", None),
        ("FROM a\nRUN \\\n  --network=none true", Feature("RUN --network", 2)),
        ("FROM a\n# RUN --mount=x\nCOPY --link a b", Feature("COPY --link", 3)),
        ("FROM a\nCOPY --chown=1 --chmod=755 a b", Feature("COPY --chmod", 2)),
        ("FROM a\nCOPY --from=b --chown=1 a b", None),
        ("FROM a\nADD --checksum=sha256:1 a b", Feature("ADD --checksum", 2)),
        ("FROM a\nRUN <<EOF\necho\nEOF", Feature("RUN with a here-document", 2)),
        ("FROM a\nCOPY <<-'END' /b\nFROM c AS d\nEND\n", Feature("COPY with a here-document", 2)),
        ("FROM a\nRUN echo $((1<<4)) && cat <<< word", None),
        ("FROM a\nCMD cat <<EOF", None),
        ("# syntax=docker/dockerfile:1.4\nFROM a", Feature("# syntax=docker/dockerfile:1.4", 1, is_wish=True)),
        ("# a comment\n# syntax=docker/dockerfile:1\nFROM a", None),
        ("# syntax=x\nFROM a\nRUN --mount=x true", Feature("RUN --mount", 3)),
        ("", None),
        ("RUN", None),
        ("FROM", None),
    ],
)
def test_what_needs_buildkit_is_found_with_its_line(text: str, feature: Feature | None):
    assert dockerfile.read(text).feature == feature


def test_stages_and_base_images_are_found():
    read = dockerfile.read(
        "ARG V=1\nFROM --platform=linux/amd64 one AS Early\nfrom early as development\n"
        "FROM two:$V\nFROM scratch\nCOPY <<EOF /x\nFROM none AS none\nEOF\nFROM \\\n three@sha256:0\n"
    )
    assert read.stages == {"early", "development"}
    assert read.bases == ("one", "three@sha256:0")


def test_another_escape_character_is_heeded():
    read = dockerfile.read("# escape=`\nFROM a `\n AS b\nRUN c:\\\nFROM d\n")
    assert read.stages == {"b"}
    assert read.bases == ("a", "d")

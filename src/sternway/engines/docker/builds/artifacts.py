"""What the ledger calls an image: `docker:sha256:…`, by its id, so that nothing else can ever be meant by it."""

import re

from sternway.core.errors import ArtifactGone

_PREFIX = "docker:"
_ID = re.compile(r"sha256:[0-9a-f]{64}")


def reference(image_id: str) -> str:
    """Return the artifact that an image is."""
    return f"{_PREFIX}{image_id}"


def image_id(artifact: str) -> str:
    """Return the id of the image; raises ArtifactGone for what another engine made."""
    image = artifact.removeprefix(_PREFIX)
    if not artifact.startswith(_PREFIX) or not _ID.fullmatch(image):
        raise ArtifactGone(
            f"{artifact.partition(':')[0]} artifacts cannot run on the Docker engine",
            hint="deploy again: sternway deploy",
        )
    return image

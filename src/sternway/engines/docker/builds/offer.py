"""Which builder an engine offers, and whether it can build what a Dockerfile asks for."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from sternway.core.errors import BuildFailed
from sternway.engines.docker.builds.dockerfile import Dockerfile
from sternway.engines.docker.calls.connection import QUICK_S, Connection, translated

_LINUX = "linux"
_HERE_DOCUMENTS_SINCE = (1, 42)
"""The first API of an engine whose BuildKit reads here-documents by itself: that of Docker 23."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What an engine builds with.

    `prefers_buildkit`: it takes that unless it is told otherwise. `reads_all`: its one builder takes what others need
    BuildKit for, as Podman's does.
    """

    has_buildkit: bool = False
    prefers_buildkit: bool = False
    reads_here_documents: bool = False
    reads_all: bool = False


async def ask(connection: Connection) -> Offer:
    """Ask the engine what it offers. Raises EngineUnavailable."""
    with translated("asking for the builder of the engine"):
        async with asyncio.timeout(QUICK_S), connection.docker._query("_ping", versioned_api=False) as answer:
            headers = answer.headers
            answer.release()
    return read(headers)


def read(headers: Mapping[str, str]) -> Offer:
    """Read what an engine says of itself. Docker has BuildKit on Linux, also where it is not what it prefers."""
    if "Libpod-API-Version" in headers:
        return Offer(reads_all=True)
    preferred = headers.get("Builder-Version", "")
    return Offer(
        has_buildkit=preferred == "2" or (not preferred and headers.get("Ostype") == _LINUX),
        prefers_buildkit=preferred == "2",
        reads_here_documents=_version(headers.get("Api-Version", "")) >= _HERE_DOCUMENTS_SINCE,
    )


def needs_buildkit(offer: Offer, asked: Dockerfile, file: str) -> bool:
    """Tell whether a build is to go by BuildKit: where it is offered, and asked for. Raises BuildFailed with the line.

    Everything else goes by the classic builder, which gives an image the same id as long as its cache is warm.
    """
    feature = asked.feature
    if feature is None or offer.reads_all:
        return False
    if feature.is_wish:
        return offer.prefers_buildkit
    if not offer.has_buildkit:
        raise BuildFailed(
            f"{file}, line {feature.line}: {feature.name} needs BuildKit, which this engine does not offer; "
            "write it without, or run an engine with BuildKit",
            hint="docker info names the version of the engine; 23 and later bring BuildKit",
        )
    if (document := asked.here_document) and not (offer.reads_here_documents or asked.has_syntax):
        raise BuildFailed(
            f"{file}, line {document.line}: {document.name} is more than the BuildKit of this engine reads by itself; "
            "write it without, run Docker 23 or later, or begin the file with # syntax=docker/dockerfile:1",
            hint="docker info names the version of the engine",
        )
    return True


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(each) for each in text.split(".") if each.isdigit())

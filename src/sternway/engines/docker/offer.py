"""Which builder an engine offers, and whether it can build what a Dockerfile asks for."""

import asyncio
from dataclasses import dataclass

from sternway.core.errors import BuildFailed
from sternway.engines.docker.connection import QUICK_S, Connection, translated
from sternway.engines.docker.dockerfile import Feature


@dataclass(frozen=True, slots=True)
class Offer:
    """`reads_all`: its one builder takes what others need BuildKit for, as Podman's does."""

    has_buildkit: bool = False
    reads_all: bool = False


async def ask(connection: Connection) -> Offer:
    """Ask the engine what it offers. Raises EngineUnavailable."""
    with translated("asking for the builder of the engine"):
        async with asyncio.timeout(QUICK_S), connection.docker._query("_ping", versioned_api=False) as answer:
            headers = answer.headers
            answer.release()
    return Offer(headers.get("Builder-Version") == "2", "Libpod-API-Version" in headers)


def needs_buildkit(offer: Offer, feature: Feature | None, file: str) -> bool:
    """Tell whether a build is to go by BuildKit: where it is offered, and asked for. Raises BuildFailed with the line.

    Everything else goes by the classic builder, which gives an image the same id as long as its cache is warm.
    """
    if feature is None or offer.reads_all:
        return False
    if not offer.has_buildkit and not feature.is_wish:
        raise BuildFailed(
            f"{file}, line {feature.line}: {feature.name} needs BuildKit, which this engine does not offer; "
            "write it without, or run an engine with BuildKit",
            hint="docker info names the version of the engine; 23 and later bring BuildKit",
        )
    return offer.has_buildkit

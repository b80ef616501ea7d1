"""Where containers are made and started: with their network and volumes, and their image if it has to be fetched."""

import logging
import secrets
from http import HTTPStatus

from sternway.core.errors import ArtifactGone
from sternway.engines.docker.builds import artifacts
from sternway.engines.docker.builds.images import Images
from sternway.engines.docker.calls.api import Api, Declined
from sternway.engines.docker.containers import creation
from sternway.engines.docker.containers.creation import Order, Place
from sternway.engines.docker.networks import Networks
from sternway.engines.docker.volumes import Volumes

START_S = 60.0
"""How long an engine may take to start a container, on a machine that has much to do."""

_log = logging.getLogger(__name__)


class Unstartable(Exception):
    """No container can be made of it as things are; the reason is for people."""


class ImageMissing(Exception):
    """The engine does not have the image."""


class Nursery:
    """One per rack. `names` are those of containers that are being made, of which nobody knows more yet.

    `is_published` says that processes are reached by ports of the host and not by their address.
    """

    def __init__(self, api: Api, rack: str, images: Images, networks: Networks, volumes: Volumes) -> None:
        self.rack = rack
        self.names: set[str] = set()
        self._api = api
        self._images = images
        self._networks = networks
        self._volumes = volumes
        self.is_published = False

    async def make(self, order: Order) -> str:
        """Make a container and return its id; it is not started.

        Raises ImageMissing, Unstartable with the reason, and EngineUnavailable.
        """
        try:
            return await self._make(order)
        except ArtifactGone as problem:
            raise Unstartable(problem.message) from problem
        except Declined as problem:
            if problem.status == HTTPStatus.NOT_FOUND and "image" in problem.reason.lower():
                raise ImageMissing(problem.reason) from problem
            self._networks.lose(order.formation.key.app)
            raise Unstartable(f"no container can be made: {problem.reason}") from problem

    async def bring_back(self, order: Order) -> None:
        """Fetch the image of a container that cannot be made without. Raises Unstartable and EngineUnavailable."""
        image = artifacts.image_id(order.formation.artifact)
        try:
            await self._images.bring_back(order.formation.key.app, image)
        except ArtifactGone as problem:
            raise Unstartable(problem.message) from problem

    async def start(self, container_id: str, app: str) -> None:
        """Start a container; one that runs already is no error. Raises Declined and EngineUnavailable."""
        try:
            await self._start(container_id)
        except Declined as problem:
            if "network" not in problem.reason or "not found" not in problem.reason:
                raise
            self._networks.lose(app)
            await self._networks.ensure(app)
            await self._start(container_id)

    async def _start(self, container_id: str) -> None:
        await self._api.post(f"containers/{container_id}/start", within_s=START_S)

    async def _make(self, order: Order) -> str:
        app = order.formation.key.app
        await self._check_user(order)
        mounts = self._volumes.of(app, order.formation.volumes)
        for note in mounts.notes:
            _log.warning("A volume has no effect.", extra={"app": app, "problem": note})
        await self._volumes.ensure(mounts)
        place = Place(await self._networks.ensure(app), mounts, self.is_published)
        name = creation.name(self.rack, order.berth, secrets.token_hex(3))
        body = creation.body(self.rack, order, place)
        self.names.add(name)
        try:
            made = await self._api.post("containers/create", body, name=name)
        finally:
            self.names.discard(name)
        return str(made["Id"])

    async def _check_user(self, order: Order) -> None:
        contained = order.formation.containment
        if not contained.must_not_be_root:
            return
        user = "" if contained.user is None else str(contained.user)
        if not user:
            image = await self._api.get(f"images/{artifacts.image_id(order.formation.artifact)}/json")
            user = str((image.get("Config") or {}).get("User") or "")
        if creation.is_root(user):
            raise Unstartable("runAsNonRoot is set, and it would run as root: set runAsUser, or USER in the image")

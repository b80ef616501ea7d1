"""A network for each app, so that its services find each other by name and nothing else of the engine reaches them."""

import asyncio
import ipaddress
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from sternway.core.errors import EngineUnavailable
from sternway.engines.docker import labels
from sternway.engines.docker.calls.api import Api, Declined

OWN_POOL = ipaddress.ip_network("10.201.0.0/16")
"""Where networks are once the engine's own pools are exhausted, which by default they are with about 31."""
OWN_PREFIX = 26
TRIES = 20
_EXHAUSTED = ("available, non-overlapping", "predefined address pools")
_OVERLAPS = "overlap"
_IS_THERE = "already exists"


class Networks:
    """The networks of one rack; those that are known to be there cost no call."""

    def __init__(self, api: Api, rack: str) -> None:
        self._api = api
        self._rack = rack
        self._known: set[str] = set()
        self._making = asyncio.Lock()

    def name(self, app: str) -> str:
        """Return the name of the network of an app."""
        return f"sternway-{self._rack}-{app}"

    async def learn(self) -> None:
        """See which networks there are."""
        found = await self._api.get("networks", filters=labels.encoded(labels.selecting(self._rack)))
        self._known = {each["Name"] for each in found}

    async def ensure(self, app: str) -> str:
        """See to it that the app has its network, and return its name. Raises Declined and EngineUnavailable."""
        name = self.name(app)
        if name not in self._known:
            async with self._making:
                if name not in self._known:
                    await self._make(app)
                    self._known.add(name)
        return name

    def lose(self, app: str) -> None:
        """Take note that the network is not there after all."""
        self._known.discard(self.name(app))

    async def forget(self, app: str) -> None:
        """Remove the network of an app; one that is not there is no error."""
        self.lose(app)
        try:
            await self._api.delete(f"networks/{self.name(app)}")
        except Declined as problem:
            if problem.status != HTTPStatus.NOT_FOUND:
                raise EngineUnavailable(f"the network of {app} cannot be removed: {problem.reason}") from problem

    async def _make(self, app: str) -> None:
        try:
            await self._create(app, {})
        except Declined as problem:
            if not any(words in problem.reason for words in _EXHAUSTED):
                raise
            await self._make_in_own_pool(app)

    async def _make_in_own_pool(self, app: str) -> None:
        taken = list(subnets(await self._api.get("networks")))
        free = (each for each in OWN_POOL.subnets(new_prefix=OWN_PREFIX) if not any(map(each.overlaps, taken)))
        for subnet, _ in zip(free, range(TRIES), strict=False):
            try:
                return await self._create(app, {"IPAM": {"Config": [{"Subnet": str(subnet)}]}})
            except Declined as problem:
                if _OVERLAPS not in problem.reason:
                    raise
        raise Declined(HTTPStatus.CONFLICT, f"no free network in {OWN_POOL}")

    async def _create(self, app: str, more: Mapping[str, Any]) -> None:
        content = {
            "Name": self.name(app),
            "Driver": "bridge",
            "CheckDuplicate": True,
            "Labels": {labels.RACK: self._rack, labels.APP: app},
        }
        try:
            await self._api.post("networks/create", {**content, **more})
        except Declined as problem:
            if problem.status != HTTPStatus.CONFLICT and _IS_THERE not in problem.reason:
                raise


def subnets(found: list[Mapping[str, Any]]) -> Iterator[ipaddress.IPv4Network]:
    """Yield every subnet that networks of an engine have."""
    for network in found:
        for config in (network.get("IPAM") or {}).get("Config") or ():
            if "." in config.get("Subnet", ""):
                yield ipaddress.IPv4Network(config["Subnet"], strict=False)

"""Networks of apps where the engine's own pools are exhausted, which would take thirty real ones to show."""

from http import HTTPStatus
from typing import Any

import pytest

from sternway.engines.docker.calls.api import Api, Declined
from sternway.engines.docker.networks import TRIES, Networks


class ExhaustedApi(Api):
    """An engine that gives out no network by itself, and has those that are taken, some of which nobody may see."""

    def __init__(self, seen: list[str], hidden: set[str]) -> None:
        self.seen = seen
        self.hidden = hidden
        self.made: list[str] = []

    async def get(self, path: str, **params: str) -> Any:
        return [{"Name": "x", "IPAM": {"Config": [{"Subnet": subnet}]}} for subnet in self.seen]

    async def post(self, path: str, body: Any = None, *, within_s: float = 0, **params: str) -> Any:
        if "IPAM" not in body:
            raise Declined(HTTPStatus.NOT_FOUND, "could not find an available, non-overlapping IPv4 address pool")
        subnet = body["IPAM"]["Config"][0]["Subnet"]
        if subnet in self.hidden:
            raise Declined(HTTPStatus.FORBIDDEN, "Pool overlaps with other one on this address space")
        self.made.append(subnet)


async def test_an_app_gets_the_first_network_of_our_own_that_is_free():
    api = ExhaustedApi(["10.201.0.0/25", "fd00::/64", "172.17.0.0/16"], {"10.201.0.128/26"})
    assert await Networks(api, "rack").ensure("shop") == "sternway-rack-shop"
    assert api.made == ["10.201.0.192/26"]


async def test_a_network_is_made_once():
    api = ExhaustedApi([], set())
    networks = Networks(api, "rack")
    await networks.ensure("shop")
    await networks.ensure("shop")
    assert len(api.made) == 1


async def test_where_none_is_free_that_is_said():
    api = ExhaustedApi([], {f"10.201.{number // 4}.{number % 4 * 64}/26" for number in range(TRIES)})
    with pytest.raises(Declined, match="no free network"):
        await Networks(api, "rack").ensure("shop")

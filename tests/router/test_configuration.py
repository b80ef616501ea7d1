import json

import pytest

from sternway.core.formation import RouteOptions
from sternway.router import table
from sternway.router.caddy import configuration, proxies
from sternway.router.caddy.configuration import Address
from tests.router.rigs import route

OPTIONS = configuration.Options()
LIVE = Address("back-a", 7)
STICKY = RouteOptions(is_sticky=True, timeout_s=5, clients=("10.0.0.0/8",))


def hosts(options: RouteOptions | None = None) -> table.Hosts:
    return table.hosts({"x": (route("web", "x.localhost", options=options),)})


@pytest.mark.parametrize(("options", "count"), [(None, 3), (STICKY, 7)])
def test_only_what_was_never_sent_is_ever_tried_again(options: RouteOptions | None, count: int) -> None:
    proxies = _proxies(configuration.back(LIVE, hosts(options), OPTIONS))
    proxies += _proxies(configuration.front("127.0.0.1:80", OPTIONS))
    assert len(proxies) == count + 1
    assert all(proxy["load_balancing"]["retry_match"] == [{"not": [{}]}] for proxy in proxies)


def test_a_back_closes_no_connection_that_the_front_may_still_use() -> None:
    [proxy] = _proxies(configuration.front("127.0.0.1:80", OPTIONS))
    [server] = configuration.back(LIVE, {}, OPTIONS)["apps"]["http"]["servers"].values()
    assert (proxy["transport"]["keep_alive"]["idle_timeout"], server["idle_timeout"]) == ("30000ms", "300s")


def test_an_address_that_changes_is_another_configuration_of_the_front() -> None:
    first, second = (configuration.front(f"127.0.0.1:{port}", OPTIONS) for port in (80, 81))
    assert first != second
    assert configuration.front("127.0.0.1:80", OPTIONS, name="front-2") != first


def test_an_address_is_read_as_it_was_written() -> None:
    assert Address.parse(LIVE.dialled) == LIVE
    assert Address.parse(Address("back-b-12", 3).dialled) == Address("back-b-12", 3)
    with pytest.raises(ValueError, match="not the address"):
        Address.parse("unix/run/back-a.sock")
    with pytest.raises(ValueError, match="not the address"):
        Address.parse("unix/run/front.3.sock")


def test_the_table_of_hosts_changes_nothing_but_the_map() -> None:
    one = configuration.text(configuration.back(LIVE, {}, OPTIONS))
    other = configuration.text(configuration.back(LIVE, hosts(), OPTIONS))
    assert json.loads(one) != json.loads(other)
    assert _without_mappings(json.loads(one)) == _without_mappings(json.loads(other))


def test_services_with_the_same_options_share_their_proxies() -> None:
    routes = tuple(route(name, f"{name}.localhost", options=STICKY) for name in "ab")
    both = configuration.back(LIVE, table.hosts({"x": routes}), OPTIONS)
    one = configuration.back(LIVE, table.hosts({"x": routes[:1]}), OPTIONS)
    assert len(_proxies(both)) == len(_proxies(one))


def _proxies(value: object) -> list[proxies.Json]:
    if isinstance(value, list):
        return [proxy for item in value for proxy in _proxies(item)]
    if not isinstance(value, dict):
        return []
    here = [value] if value.get("handler") == "reverse_proxy" else []
    return here + [proxy for item in value.values() for proxy in _proxies(item)]


def _without_mappings(value: object) -> object:
    if isinstance(value, list):
        return [_without_mappings(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _without_mappings(item) for key, item in value.items() if key != "mappings"}

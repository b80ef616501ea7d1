import json

from sternway.router.caddy import configuration

OPTIONS = configuration.Options()


def test_only_what_was_never_sent_is_ever_tried_again() -> None:
    proxies = [*_proxies(configuration.front("127.0.0.1:80", OPTIONS))]
    proxies += _proxies(configuration.back("back-a", [("x", "x.localhost")], OPTIONS))
    assert len(proxies) == 4
    assert all(proxy["load_balancing"]["retry_match"] == [{"not": [{}]}] for proxy in proxies)


def test_the_front_keeps_no_connection_that_a_load_could_close() -> None:
    [proxy] = _proxies(configuration.front("127.0.0.1:80", OPTIONS))
    assert proxy["transport"]["keep_alive"]["enabled"] is False


def test_the_table_of_hosts_changes_nothing_but_the_map() -> None:
    one = configuration.text(configuration.back("back-a", [], OPTIONS))
    other = configuration.text(configuration.back("back-a", [("x", "x.localhost")], OPTIONS))
    assert json.loads(one) != json.loads(other)
    assert _without_mappings(json.loads(one)) == _without_mappings(json.loads(other))


def _proxies(value: object) -> list[configuration.Json]:
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

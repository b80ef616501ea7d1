import pytest

from sternway.core.manifest.health import Health
from tests.core.manifest.texts import service, service_errors


def test_without_keys_the_root_is_asked_every_five_seconds():
    health = service().health
    assert (health.path, health.interval_s, health.grace_s, health.timeout_s) == ("/", 5, 5, 4)
    assert health.is_disabled is False
    assert health.port is None


def test_text_is_the_path():
    assert service("health: /check?x=1").health.path == "/check?x=1"


def test_grace_and_timeout_follow_the_interval():
    health = service("health: {interval: 20}").health
    assert (health.grace_s, health.timeout_s) == (20, 19)


def test_timeout_never_is_nothing():
    assert service("health: {interval: 1}").health.timeout_s == 1


def test_every_key_is_read():
    health = service("health: {path: /a, interval: 9, grace: 0, timeout: 30, disable: true, port: 81}").health
    assert health == Health(path="/a", interval_s=9, grace_s=0, timeout_s=30, is_disabled=True, port=81)


@pytest.mark.parametrize("path", ["check", "'/a b'", "''"])
def test_path_begins_with_a_slash(path):
    assert service_errors(f"health: {path}") == ["services.web.health: must begin with / and hold no spaces (line 3)"]


def test_wrong_interval_is_one_error():
    assert service_errors("health:\n  interval: soon\n") == [
        "services.web.health.interval: must be a whole number, 1 or more (line 4)"
    ]


def test_liveness_is_off_unless_it_has_a_path():
    assert service().liveness is None
    liveness = service("liveness: /live").liveness
    assert liveness is not None
    assert (liveness.path, liveness.grace_s, liveness.interval_s, liveness.timeout_s) == ("/live", 10, 5, 5)
    assert (liveness.success_threshold, liveness.failure_threshold) == (1, 3)


def test_startup_probe_leaves_its_timings_open():
    probe = service("startupProbe: {tcpSocketPort: 3000, grace: 30}").startup_probe
    assert probe is not None
    assert (probe.tcp_socket_port, probe.grace_s, probe.interval_s) == (3000, 30, None)

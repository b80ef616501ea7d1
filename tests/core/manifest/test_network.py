import pytest

from sternway.core.manifest.network import BalancerPort, ExposedPort, Port
from tests.core.manifest.texts import errors, manifest, service, service_errors


@pytest.mark.parametrize(
    ("form", "number", "scheme"),
    [
        ("3000", 3000, "http"),
        ("'3000'", 3000, "http"),
        ("https:3000", 3000, "https"),
        ("grpc:5051", 5051, "grpc"),
        ("{port: 80}", 80, "http"),
        ("{port: '81', scheme: HTTPS}", 81, "https"),
    ],
)
def test_port_has_these_forms(form, number, scheme):
    assert service(f"port: {form}").port == Port(number=number, scheme=scheme)


@pytest.mark.parametrize("form", ["0", "65536", "-1", "x", "3.5", "0x50", "1_000", "'https:'", "'3 000'", "\uff19"])
def test_port_out_of_bounds_is_refused(form):
    assert service_errors(f"port: {form}") == ["services.web.port: must be a number between 1 and 65535 (line 3)"]


def test_port_with_another_scheme_is_refused():
    assert service_errors("port: gopher:70") == ["services.web.port: must be one of http, https, grpc, tcp (line 3)"]


def test_port_as_a_list_is_refused():
    assert service_errors("port: [80]") == ["services.web.port: must be a single value or a map (line 3)"]


def test_further_ports_have_a_protocol():
    assert service("ports: [53/udp, 5000, 5001/TCP]").ports == (
        ExposedPort(53, "udp"),
        ExposedPort(5000),
        ExposedPort(5001, "tcp"),
    )


def test_further_port_of_another_protocol_is_refused():
    assert service_errors("ports: [53/sctp]") == [
        "services.web.ports.0: must be a port, or a port with /tcp or /udp (line 3)"
    ]


@pytest.mark.parametrize(
    "form", ["a.org, *.B.org", "[a.org, '*.b.org']", "'a.org,,*.b.org,'", "[a.org, '', '*.b.org']"]
)
def test_domain_is_text_with_commas_or_a_list(form):
    assert service(f"domain: {form}").domains == ("a.org", "*.b.org")


@pytest.mark.parametrize("host", ["a b", "-a.org", "a..b", "http://a.org", "a.org:80", "a.*.org", "x" * 64 + ".org"])
def test_domain_that_is_no_host_is_refused(host):
    assert service_errors(f"domain:\n  - ok.org\n  - '{host}'\n") == [
        "services.web.domain.1: must be a host name such as www.example.org or *.example.org (line 5)"
    ]


@pytest.mark.parametrize("form", ["'10.0.0.1/8, 1.2.3.4,2001:db8::/32'", "[10.0.0.0/8, 1.2.3.4, '2001:db8::/32']"])
def test_whitelist_is_text_with_commas_or_a_list_of_networks(form):
    assert service(f"whitelist: {form}").whitelist == ("10.0.0.0/8", "1.2.3.4/32", "2001:db8::/32")


def test_whitelist_with_something_else_is_refused():
    assert service_errors("whitelist: 10.0.0.0/33") == [
        "services.web.whitelist: must be a network such as 10.0.0.0/8 (line 3)"
    ]


def test_balancers_map_ports():
    found = manifest("""
        services: {web: }
        balancers:
          tcp:
            service: web
            ports: {3000: 3001, 53: {protocol: udp, port: 5353}}
            whitelist: 10.0.0.0/8
    """).balancers["tcp"]
    assert found.ports == {"3000": BalancerPort(port=3001), "53": BalancerPort(port=5353, protocol="UDP")}
    assert found.whitelist == ("10.0.0.0/8",)


def test_balancer_listens_on_a_port():
    assert errors(
        "services: {web: }\nbalancers:\n  b:\n    service: web\n    ports:\n      x: 1\n      1: 99999\n"
    ) == [
        "balancers.b.ports.x: must be a number between 1 and 65535 (line 6)",
        "balancers.b.ports.1: must be a number between 1 and 65535 (line 7)",
    ]

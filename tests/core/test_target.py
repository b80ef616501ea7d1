"""From a release to what it wants to run."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from sternway.core.app import App, Made, Settings
from sternway.core.environment import Environment
from sternway.core.errors import ArtifactGone, EnvironmentMissing
from sternway.core.formation import RouteOptions
from sternway.core.plan import ServiceTarget
from sternway.core.promotion import PromotionOptions
from sternway.core.release import Build, BuildOptions, Release
from sternway.core.target import Place, desire

MADE = Made(datetime(2026, 11, 22, tzinfo=UTC), "ann")
APP = App(1, "shop", MADE)
PLACE = Place("test", "localhost", lambda content: content.decode())
MANIFEST = """
environment: [GREETING=hello]
services:
  web:
    build: .
    command: run
    port: 3000
    health: /health
    environment: [TOKEN]
    scale: 2
    domain: shop.example.org
  jobs:
    command: work
  inner:
    port: 80
    internal: true
  store:
    port: 81
    volumes: [/data]
"""
ARTIFACTS = dict.fromkeys(("web", "jobs", "inner", "store"), "tree:1")
BUILD = Build("BAAAAAAAAAA", 1, MADE, BuildOptions("x"), "first", manifest=MANIFEST, artifacts=ARTIFACTS)
RELEASE = Release("RAAAAAAAAAA", 1, MADE, BUILD.id, Environment({"TOKEN": "t", "OTHER": "o"}), MANIFEST)


def targets(
    app: App = APP, release: Release = RELEASE, build: Build = BUILD, **options: Any
) -> dict[str, ServiceTarget]:
    desired = desire(app, release, build, PLACE, PromotionOptions(**options))
    return {target.formation.key.service: target for target in desired.services}


def fingerprint(**changes: Any) -> str:
    return targets(release=replace(RELEASE, **changes))["web"].formation.key.fingerprint


def test_a_service_gets_what_it_declared_and_no_more():
    assert targets()["web"].formation.environment == Environment({"GREETING": "hello", "TOKEN": "t"})
    assert targets()["jobs"].formation.environment == Environment({"GREETING": "hello"})


def test_system_variables_name_where_a_process_comes_from():
    labels = targets()["web"].formation.labels
    assert labels == {
        "APP": "shop",
        "BUILD": BUILD.id,
        "BUILD_DESCRIPTION": "first",
        "RACK": "test",
        "RELEASE": RELEASE.id,
        "SERVICE": "web",
    }


def test_hosts_are_the_service_of_the_app_and_its_domains():
    assert targets()["web"].hosts == ("web.shop.localhost", "shop.example.org")
    assert targets()["inner"].hosts == ("inner.shop.internal.localhost",)
    assert targets()["jobs"].hosts == ()


def test_routes_have_the_options_of_their_service():
    text = MANIFEST.replace(
        "    scale: 2\n", "    sticky: true\n    timeout: 5\n    whitelist: 10.0.0.0/8, 192.168.1.1\n"
    )
    of_web = targets(release=replace(RELEASE, manifest=text))["web"].route_options
    assert of_web == RouteOptions(is_sticky=True, timeout_s=5, clients=("10.0.0.0/8", "192.168.1.1/32"))
    assert targets()["web"].route_options == RouteOptions()


def test_only_this_machine_may_ask_an_internal_service():
    assert targets()["inner"].route_options == RouteOptions(clients=("127.0.0.0/8", "::1/128"))


def test_workers_and_owners_of_a_volume_are_exclusive():
    assert {name for name, target in targets().items() if target.is_exclusive} == {"jobs", "store"}


def test_scale_set_by_hand_wins_over_the_manifest():
    scaled = replace(APP, settings=Settings(scale={"web": 5}))
    assert (targets()["web"].count, targets(scaled)["web"].count) == (2, 5)


def test_the_same_content_has_the_same_fingerprint_whatever_the_release():
    copy = replace(RELEASE, id="RBBBBBBBBBB", order=9, description="rollback")
    assert targets(release=copy)["web"].formation.key == targets()["web"].formation.key


def test_scale_health_and_domains_are_not_content():
    other = MANIFEST.replace("scale: 2", "scale: 3").replace("/health", "/up").replace("shop.example", "x.example")
    assert fingerprint(manifest=other) == fingerprint()


@pytest.mark.parametrize(("old", "new"), [("command: run", "command: go"), ("port: 3000", "port: 4000")])
def test_what_changes_a_process_changes_its_fingerprint(old, new):
    assert fingerprint(manifest=MANIFEST.replace(old, new)) != fingerprint()


def test_only_declared_variables_are_content():
    assert fingerprint(environment=Environment({"TOKEN": "t", "OTHER": "changed"})) == fingerprint()
    assert fingerprint(environment=Environment({"TOKEN": "changed", "OTHER": "o"})) != fingerprint()


def test_missing_variables_are_refused_together():
    with pytest.raises(EnvironmentMissing, match="required env: TOKEN"):
        targets(release=replace(RELEASE, environment=Environment()))


def test_a_service_without_an_artifact_is_refused():
    with pytest.raises(ArtifactGone, match="jobs"):
        targets(build=replace(BUILD, artifacts={"web": "tree:1", "inner": "t", "store": "t"}))


def test_options_of_a_promotion_win_over_the_deployment_of_the_manifest():
    target = targets(minimum_percent=0, maximum_percent=150)["web"]
    assert (target.minimum_percent, target.maximum_percent) == (0, 150)

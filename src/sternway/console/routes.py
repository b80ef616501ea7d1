"""Every address of the console, in one list."""

from collections.abc import Sequence

from starlette.routing import Route

from sternway.console.views import (
    apps,
    builds,
    deploying,
    environment,
    history,
    logs,
    people,
    rack,
    releases,
    settings,
    signing,
    switches,
)
from sternway.console.visit import PREFIX, action, page, upload
from sternway.core.access import Role

APP = "/apps/{app}"
RELEASE = APP + "/releases/{release}"
PROMOTION = APP + "/promotions/{promotion:int}"
BUILD = APP + "/builds/{build}"
USER = "/people/{name}"


def all_routes() -> Sequence[Route]:
    """Return them all."""
    return [*_own(), *_of_apps(), *_of_changes(), *_of_releases(), *_of_rack(), *_of_people()]


def _own() -> Sequence[Route]:
    return [
        Route(PREFIX + "/sign-in", signing.ask, methods=["GET"]),
        Route(PREFIX + "/sign-in", signing.sign_in, methods=["POST"]),
        Route(PREFIX + "/welcome", signing.welcome, methods=["GET"], name="welcome"),
        Route(PREFIX + "/welcome", signing.accept, methods=["POST"]),
        action("/sign-out", signing.sign_out, role=None),
        page("/me", signing.me, role=None),
        action("/me/password", signing.change_password, role=None),
        action("/me/sign-out", signing.sign_out_everywhere, role=None),
        page("", apps.index, role=None),
        page("/live", apps.index_live, role=None),
    ]


def _of_apps() -> Sequence[Route]:
    return [
        page(APP, apps.show),
        page(APP + "/live", apps.show_live),
        action(APP + "/services/{service}/scale", apps.scale),
        page(APP + "/services/{service}/restart", apps.ask_restart, role=Role.OPERATOR),
        action(APP + "/services/{service}/restart", apps.restart),
        page(APP + "/processes/{process}/stop", apps.ask_stop, role=Role.OPERATOR),
        action(APP + "/processes/{process}/stop", apps.stop_process),
        page(APP + "/logs", logs.of_app),
        page(APP + "/logs/live", logs.of_app_live),
        page(APP + "/builds", builds.index),
        page(BUILD, builds.show),
        page(BUILD + "/live", builds.show_live),
        action(BUILD + "/cancel", builds.cancel),
        page(APP + "/environment", environment.show),
        action(APP + "/environment/review", environment.review),
        action(APP + "/environment", environment.save),
    ]


def _of_changes() -> Sequence[Route]:
    return [
        page(APP + "/deploy", deploying.ask, role=Role.OPERATOR),
        upload(APP + "/deploy/archive", deploying.upload),
        action(APP + "/deploy/repository", deploying.fetch),
        page(APP + "/settings", settings.show),
        action(APP + "/settings", settings.save),
        action(APP + "/settings/lock", settings.lock),
        action(APP + "/settings/scale", settings.scale),
    ]


def _of_releases() -> Sequence[Route]:
    return [
        page(APP + "/releases", releases.index),
        page(APP + "/releases/live", releases.index_live),
        page(RELEASE, releases.show),
        page(RELEASE + "/rollback", releases.ask_rollback),
        action(RELEASE + "/rollback", releases.roll_back),
        page(RELEASE + "/promote", releases.ask_promote),
        action(RELEASE + "/promote", releases.promote),
        page(PROMOTION, releases.watch),
        page(PROMOTION + "/live", releases.watch_live),
        page(PROMOTION + "/traffic/live", switches.watch_live),
        action(PROMOTION + "/undo", releases.undo),
        action(APP + "/cancel", releases.cancel),
        page(APP + "/difference", releases.difference),
        page(APP + "/history", history.of_app),
        page(APP + "/history/at", history.at),
    ]


def _of_rack() -> Sequence[Route]:
    return [
        page("/rack", rack.show),
        page("/rack/live", rack.show_live),
        page("/rack/update", rack.ask_update, role=Role.ADMIN),
        action("/rack/update", rack.update, role=Role.ADMIN),
        action("/rack/parameters", rack.set_parameters, role=Role.ADMIN),
        page("/rack/history", history.of_rack),
        page("/rack/logs", logs.of_rack),
        page("/rack/logs/live", logs.of_rack_live),
    ]


def _of_people() -> Sequence[Route]:
    return [
        page("/people", people.index, role=Role.ADMIN),
        action("/people", people.add, role=Role.ADMIN),
        action(USER + "/role", people.allow, role=Role.ADMIN),
        action(USER + "/invite", people.invite, role=Role.ADMIN),
        action(USER + "/remove", people.remove, role=Role.ADMIN),
        action(USER + "/sign-out", people.sign_out, role=Role.ADMIN),
        action("/tokens", people.create_token, role=Role.ADMIN),
        action("/tokens/{name}/revoke", people.revoke_token, role=Role.ADMIN),
        page("/audit", people.audit, role=Role.ADMIN),
    ]

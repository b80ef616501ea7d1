"""How the tests of the manifest read text: one service, one error, one key."""

from textwrap import dedent, indent

import pytest

from sternway.core.errors import ManifestInvalid
from sternway.core.manifest import Manifest, parse
from sternway.core.manifest.service import Service


def manifest(text, variables=None) -> Manifest:
    return parse(dedent(text), variables).manifest


def service(body="", variables=None) -> Service:
    return manifest("services:\n  web:\n    x-nothing:\n" + indent(dedent(body), "    "), variables).services["web"]


def errors(text, variables=None) -> list[str]:
    with pytest.raises(ManifestInvalid) as caught:
        parse(dedent(text), variables)
    return caught.value.message.split("\n")


def service_errors(body, variables=None) -> list[str]:
    """Return the errors of one service, whose first key is on line 3."""
    return errors("services:\n  web:\n" + indent(dedent(body).lstrip("\n"), "    "), variables)


def warnings(text, variables=None) -> tuple[str, ...]:
    return parse(dedent(text), variables).warnings

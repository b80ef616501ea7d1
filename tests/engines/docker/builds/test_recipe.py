import pytest

from sternway.core import manifest
from sternway.core.release import BuildOptions
from sternway.engines.docker.builds import recipe
from sternway.engines.docker.builds.recipe import Built, Taken

MANIFEST = """
services:
  web: {build: .}
  worker: {build: {path: ./, args: []}, command: work}
  docs: {build: {path: docs, manifest: ./Run, args: [A=1, B=x=y, C]}}
  cache: {image: "redis:7"}
  other: {image: "redis:7", build: nowhere}
  plain: {command: run}
"""


def test_services_with_the_same_recipe_share_it():
    parsed = manifest.parse(MANIFEST).manifest
    docs = Built("docs", "Run", (("A", "1"), ("B", "x=y"), ("C", None)))
    assert recipe.recipes(parsed, BuildOptions("key")) == {
        Built(".", "Dockerfile"): ("web", "worker", "plain"),
        docs: ("docs",),
        Taken("redis:7"): ("cache", "other"),
    }


def test_arguments_of_the_command_come_first():
    parsed = manifest.parse(MANIFEST).manifest
    found = recipe.recipes(parsed, BuildOptions("key", arguments=("A=2", "D=")))
    assert Built("docs", "Run", (("A", "2"), ("B", "x=y"), ("C", None), ("D", ""))) in found
    assert Built(".", "Dockerfile", (("A", "2"), ("D", ""))) in found


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("redis", True),
        ("redis:7-alpine", True),
        ("127.0.0.1:5000/a/b_c:1", True),
        ("ghcr.io/x/y@sha256:0123456789abcdef", True),
        ("ghcr.io/x/y:1@sha256:0123456789abcdef", True),
        ("sha256:0123456789abcdef", True),
        ("", False),
        ("../info", False),
        ("a/../b", False),
        ("a b", False),
        ("a?x=1", False),
        ("a#b", False),
        ("a%2e", False),
        ("x" * 600, False),
    ],
)
def test_only_names_of_images_reach_the_engine(text: str, is_one: bool):
    assert recipe.is_reference(text) is is_one

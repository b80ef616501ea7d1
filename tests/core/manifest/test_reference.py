"""The reference and the schema in docs say what the models say."""

from pathlib import Path

import pytest
import yaml

from scripts import manifest_reference
from sternway.core.manifest.manifest import Manifest
from sternway.core.manifest.schema import schema
from sternway.core.manifest.service import Service
from tests.core.manifest.texts import warnings

DOCS = Path(__file__).resolve().parents[3] / "docs"
EXAMPLE = manifest_reference.INTRODUCTION.split("```yaml\n")[1].split("```")[0]


@pytest.mark.parametrize("name", ["convox-yml.md", "convox.schema.json"])
def test_files_in_docs_are_fresh(name):
    assert (DOCS / name).read_text() == manifest_reference.files()[name], "run scripts/manifest_reference.py"


def test_example_of_the_reference_is_valid():
    assert warnings(EXAMPLE) == ()


@pytest.mark.parametrize("model", [Manifest, Service])
def test_every_key_has_a_row_with_words(model):
    page = manifest_reference.markdown()
    for key in model.attributes():
        assert f"| `{key}` | " in page
    assert " |  |\n" not in page


def validator():
    return pytest.importorskip("jsonschema_rs").validator_for(schema())


@pytest.mark.parametrize(
    "text",
    [
        EXAMPLE,
        "services: {web: }",
        "services: {web: {port: 3000, scale: 1-3, command: [a, b], domain: [a.org], agent: true}}",
        "services: {web: {port: 'https:3000', scale: {count: {min: 1}}, health: /x, build: {path: a}}}",
        "services: {web: {port: {port: '${PORT}'}, internal: '${X}', drain: '${D}', policies: [a]}}",
        "resources: {db: {type: postgres, options: {version: 13, encrypted: true}}}",
        "environment: [A, [B=1]]\nx-mine: {a: 1}",
    ],
)
def test_schema_takes_what_is_valid(text):
    assert validator().is_valid(yaml.safe_load(text))


@pytest.mark.parametrize(
    "text", ["servces: {}", "services: {web: {comand: a}}", "services: {web: {port: {port: 0}}}", "timers: {t: {}}"]
)
def test_schema_points_out_what_is_not(text):
    assert not validator().is_valid(yaml.safe_load(text))

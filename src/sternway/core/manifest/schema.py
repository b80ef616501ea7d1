"""The JSON Schema of `convox.yml`, for editors and other tools."""

from pydantic.json_schema import JsonSchemaValue

from sternway.core.manifest.manifest import Manifest
from sternway.core.manifest.model import PRIVATE_PREFIX

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> JsonSchemaValue:
    """Return the schema of the file as its authors write it, with short forms and `${NAME}`."""
    found = Manifest.model_json_schema(by_alias=True)
    return {"$schema": DIALECT, **found, "title": "convox.yml", "patternProperties": {f"^{PRIVATE_PREFIX}": {}}}

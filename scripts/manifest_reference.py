"""Write docs/convox-yml.md and docs/convox.schema.json from the models of the manifest."""

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from sternway.core.manifest import nodes
from sternway.core.manifest.manifest import Manifest
from sternway.core.manifest.model import Model
from sternway.core.manifest.scalars import REFERENCE_SCHEMA, TEXT_SCHEMA
from sternway.core.manifest.schema import schema

DOCS = Path(__file__).resolve().parents[1] / "docs"

Schema = dict[str, Any]

INTRODUCTION = f"""\
# convox.yml

<!-- Written by scripts/manifest_reference.py from the models: change those. -->

`convox.yml` says what an app runs. It lies at the top of the source; every release keeps it as it was.
[convox.schema.json](convox.schema.json) tells editors the same: put
`# yaml-language-server: $schema=…/convox.schema.json` on the first line.

```yaml
environment:
  - DATABASE_URL          # required
  - LOG_LEVEL=info        # with a default

services:
  web:
    build: .
    port: 3000
    domain: ${{HOST}}
    health: /check
    scale: 2
  worker:
    command: bin/work
    singleton: true
```

## How it is read

- `${{NAME}}` anywhere in the file is replaced by the variable of the release's environment, after the YAML was
  read: a value can never add structure. A variable that the environment does not have is an error when a
  release is promoted; one that is empty leaves nothing behind. For a shell's own variable write `$NAME`
  or `${{NAME-}}`.
- Text needs no quotes: `version: 1.10` stays `1.10`.
- All errors are reported together, each with its place and line. They never show the value of a variable.
- A key that is not known is a warning and is ignored. At the top, keys that begin with `x-` are yours, for
  example to put anchors there. Anchors, aliases and merge keys (`<<`) work; a key twice is an error.
- A file has at most {nodes.MAX_BYTES // 1024} KiB, {nodes.MAX_VALUES:,} values and a depth of {nodes.MAX_DEPTH}, its
  aliases written out.
- Names of services, resources, timers and balancers are lower-case letters, digits and dashes, a letter first.
- Keys marked *later* are checked and kept with each release; they take effect in a later version, and a deploy
  says so. Those marked *containers* take effect where processes run in containers, such as on the Docker engine.

Without a `convox.yml`, a `Procfile` does: each line becomes a service that gets every variable; `web` listens on
the port 5000, the others are workers, and `release` becomes the release command of `web`.
"""


def main() -> None:
    """Write both files."""
    DOCS.mkdir(exist_ok=True)
    for name, text in files().items():
        (DOCS / name).write_text(text)


def files() -> dict[str, str]:
    """Return what belongs into the files, by name."""
    return {
        "convox-yml.md": markdown(),
        "convox.schema.json": json.dumps(schema(), indent=2, ensure_ascii=False) + "\n",
    }


def markdown() -> str:
    """Return the reference page."""
    definitions = schema()["$defs"] | {"Manifest": schema()}
    places = dict(_places())
    sections = [_section(model, place, definitions, places) for model, place in places.items()]
    return "\n".join([INTRODUCTION, *sections])


def _places() -> Iterator[tuple[type[Model], str]]:
    """Give each model, and where in the file it stands first, from the top down."""
    waiting: deque[tuple[type[Model], str]] = deque([(Manifest, "")])
    seen: set[type[Model]] = set()
    while waiting:
        model, place = waiting.popleft()
        if model in seen:
            continue
        seen.add(model)
        yield model, place
        waiting.extend(_children(model, place))


def _children(model: type[Model], place: str) -> Iterator[tuple[type[Model], str]]:
    for key, name in model.attributes().items():
        annotation = model.model_fields[name].annotation
        inner = f"{place}.{key}" if place else key
        for child, suffix in _models(annotation):
            yield child, inner + suffix


def _models(annotation: Any, suffix: str = "") -> Iterator[tuple[type[Model], str]]:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        yield annotation, suffix
    below = {tuple: "[]", dict: ".NAME", Mapping: ".NAME"}.get(get_origin(annotation), "")
    for part in get_args(annotation):
        yield from _models(part, suffix + below)


def _section(model: type[Model], place: str, definitions: dict[str, Schema], places: dict[type[Model], str]) -> str:
    whole = _whole(definitions[model.__name__])
    titles = {child.__name__: title for child, title in places.items()}
    lines = [f"## {place or 'Top level'}", "", " ".join((model.__doc__ or "").split()), ""]
    lines += ["| Key | Value | Default | Meaning |", "|---|---|---|---|"]
    required = whole.get("required", ())
    for key, name in model.attributes().items():
        # The schema leaves out a description that is also the one of the map that it points to.
        field = whole["properties"][key] | {"description": model.model_fields[name].description}
        lines.append(_row(key, field, definitions, titles, is_required=key in required))
    if model.foreign:
        lines += ["", f"Accepted and ignored, since they are for other platforms: {_listed(sorted(model.foreign))}."]
    return "\n".join([*lines, ""])


def _row(key: str, field: Schema, definitions: dict[str, Schema], titles: dict[str, str], *, is_required: bool) -> str:
    meaning = field["description"] + _mark(field)
    default = "required" if is_required else _default(field)
    value = " or ".join(dict.fromkeys(_words(field, definitions, titles)))
    return f"| `{key}` | {value} | {default} | {meaning} |"


def _mark(field: Schema) -> str:
    if field.get("x-later"):
        return " *Later.*"
    return " *Containers.*" if field.get("x-containers") else ""


def _default(field: Schema) -> str:
    found = field.get("x-default", field.get("default"))
    if found is None or found in ([], {}, "") or isinstance(found, dict):
        return ""
    return f"`{found}`" if isinstance(found, str) else f"`{json.dumps(found)}`"


def _words(field: Schema, definitions: dict[str, Schema], titles: dict[str, str]) -> Iterator[str]:
    """Say what a value may be, one form at a time."""
    if field in (REFERENCE_SCHEMA, {"type": "null"}):
        return
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        for short in definitions[name].get("anyOf", [])[:1]:
            yield from _words(short, definitions, titles)
        yield f"[map](#{_anchor(titles[name])})"
    elif "anyOf" in field:
        for form in field["anyOf"]:
            yield from _words(form, definitions, titles)
    elif "enum" in field:
        yield _listed(field["enum"])
    else:
        yield _plain_words(field, definitions, titles)


def _plain_words(field: Schema, definitions: dict[str, Schema], titles: dict[str, str]) -> str:
    kind = field.get("type")
    if kind == "array":
        words = _words(field["items"], definitions, titles)
        return f"list of {' or '.join(word for word in words if not word.startswith('list'))}"
    if kind == "object":
        inner = field.get("additionalProperties")
        return f"map of {' or '.join(_words(inner, definitions, titles))}" if isinstance(inner, dict) else "map"
    if kind == "integer":
        return _number(field)
    if kind == "boolean":
        return "true or false"
    return "number or text" if kind == ["integer", "string"] else "text" if kind in _TEXTS else str(kind)


_TEXTS = ("string", TEXT_SCHEMA["type"])


def _number(field: Schema) -> str:
    if "maximum" in field:
        return f"number, {field['minimum']} to {field['maximum']}"
    return f"number, {field['minimum']} or more" if "minimum" in field else "number"


def _anchor(title: str) -> str:
    kept = "".join(letter for letter in title.lower() if letter.isalnum() or letter in " -_")
    return kept.replace(" ", "-")


def _whole(definition: Schema) -> Schema:
    """Return the map among the forms of a model."""
    return next((form for form in definition.get("anyOf", []) if "properties" in form), definition)


def _listed(words: Iterable[object]) -> str:
    return ", ".join(f"`{word}`" for word in words)


if __name__ == "__main__":
    main()

"""Templates as answers. Whatever is put into one is text, and never markup."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from sternway.console import figures, printed, texts, times
from sternway.console.static_files import StaticFile


class Pages:
    """The templates, each compiled when it is first used."""

    def __init__(self, files: Mapping[str, StaticFile]) -> None:
        self._environment = Environment(
            loader=PackageLoader("sternway.console"),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals |= {
            "t": texts,
            "static": lambda name: f"/console/static/{name}?v={files[name].tag}",
        }
        self._environment.filters |= {
            "exact": times.exact,
            "machine": times.machine,
            "clock": times.clock,
            "span": times.span,
            "ago": _ago,
            "printed": printed.shown_text,
            "count": figures.count,
            "rate": figures.rate,
            "share": figures.share,
            "milliseconds": figures.milliseconds,
            "mebibytes": figures.mebibytes,
            "percent_of": figures.percent_of,
        }

    def render(self, template: str, values: Mapping[str, Any]) -> str:
        """Return a template filled in."""
        return self._environment.get_template(template).render(values)

    def answer(self, template: str, values: Mapping[str, Any], *, status: int = 200) -> Response:
        """Answer with a page."""
        return HTMLResponse(self.render(template, values), status_code=status)


def _ago(at: datetime, now: datetime) -> str:
    return times.ago(at, now)

"""A browser without JavaScript, for tests: it keeps cookies, follows redirects, and fills in the forms of pages."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx2

from sternway.bootstrap.front import Front, create_front
from sternway.ops.rack import Rack

PASSWORD = "secret"


@dataclass
class Form:
    """A form of a page, with what its fields hold."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


class Page(HTMLParser):
    """What a page holds, as far as tests ask."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.texts: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append((tag, found))
        if tag == "form":
            self.forms.append(Form(found.get("action", ""), found.get("method", "get")))
        elif tag == "input" and self.forms and found.get("type") != "checkbox":
            self.forms[-1].fields[found.get("name", "")] = found.get("value", "")
        elif tag == "a":
            self.links.append(found.get("href", ""))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def form(self, action: str) -> Form:
        return next(form for form in self.forms if form.action.endswith(action))


class Browser:
    """Visits pages of a rack that is called in this process."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client = client

    @classmethod
    @contextlib.asynccontextmanager
    async def of(cls, app: Front) -> AsyncIterator["Browser"]:
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://rack.test", follow_redirects=True
        ) as client:
            yield cls(client)

    @classmethod
    @contextlib.asynccontextmanager
    async def over(cls, address: str) -> AsyncIterator["Browser"]:
        """Open one that calls a rack over a connection."""
        async with httpx2.AsyncClient(base_url=f"http://{address}", follow_redirects=True) as client:
            yield cls(client)

    async def sign_in(self, password: str = PASSWORD, name: str = "") -> httpx2.Response:
        return await self.send(await self.visit("/sign-in"), "/sign-in", password=password, name=name)

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        return await self.client.get(f"/console{path}", headers=headers)

    async def visit(self, path: str) -> Page:
        answer = await self.get(path)
        assert answer.status_code == 200, answer.text
        return Page(answer.text)

    async def send(self, page: Page, action: str, **values: str) -> httpx2.Response:
        """Fill in a form of the page and send it."""
        form = page.form(action)
        return await self.client.post(form.action, data=form.fields | values)


def front_of(rack: Rack, password: str = PASSWORD) -> Front:
    return create_front(rack, password=password)

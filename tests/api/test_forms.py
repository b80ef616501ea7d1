from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sternway.api import forms
from sternway.api.forms import Form, Number, Pairs, Truth, Words
from sternway.core.errors import InvalidInput


class Everything(Form):
    env: str | None = None
    is_it: Truth | None = None
    how_many: Number | None = None
    pairs: Pairs | None = None
    words: Words = ()


def test_absent_stays_absent_and_empty_stays_empty():
    assert forms.parse(Everything, {}).env is None
    assert forms.parse(Everything, {"env": ""}).env == ""


def test_underscores_of_fields_are_dashes_on_the_wire():
    assert forms.parse(Everything, {"how-many": "3"}).how_many == 3


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("false", False), ("1", False), ("True", False), ("", False)]
)
def test_only_true_is_true(text, value):
    assert forms.parse(Everything, {"is-it": text}).is_it is value


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("-5", -5), ("+7", 7)])
def test_number_is_decimal(text, value):
    assert forms.parse(Everything, {"how-many": text}).how_many == value


@pytest.mark.parametrize("text", ["", " 1", "1.0", "1_000", "٣", "0x1", "9" * 20])
def test_what_is_no_number_is_named_and_not_repeated(text):
    with pytest.raises(InvalidInput) as caught:
        forms.parse(Everything, {"how-many": text})
    assert caught.value.message == "how-many: not a whole number"


@given(
    st.dictionaries(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9),
        max_size=9,
    )
)
def test_map_is_one_value(pairs):
    assert forms.parse(Everything, {"pairs": urlencode(pairs)}).pairs == pairs


def test_map_that_is_not_utf_8_is_refused():
    with pytest.raises(InvalidInput, match="pairs: "):
        forms.parse(Everything, {"pairs": "a=%ff"})


def test_list_is_joined_by_commas():
    assert forms.parse(Everything, {"words": "A=1,B=2"}).words == ("A=1", "B=2")
    assert forms.parse(Everything, {"words": ""}).words == ()


async def test_body_without_content_is_no_form_whatever_it_announces(still, still_client):
    await still.app()
    answer = await still_client.put("/apps/shop", headers={"Content-Type": "application/octet-stream"})
    assert answer.status_code == 200


async def test_body_of_another_kind_is_refused(still_client):
    for kind in ("application/json", "multipart/form-data; boundary=x", "application/octet-stream"):
        answer = await still_client.post("/apps", content=b"name=shop", headers={"Content-Type": kind})
        assert (answer.status_code, answer.text[:6]) == (400, "body: ")


async def test_body_that_is_no_proper_form_is_refused(still_client):
    for body in (b"name=%ff", b"name=\xff", b"name=a%00", b"&".join([b"a=1"] * 500)):
        answer = await still_client.post("/apps", content=body, headers={"Content-Type": forms.KIND})
        assert (answer.status_code, answer.text[:6]) == (400, "body: ")


async def test_form_that_is_too_large_is_refused(still_client):
    body = b"name=" + b"x" * forms.MAX_BYTES
    answer = await still_client.post("/apps", content=body, headers={"Content-Type": forms.KIND})
    assert (answer.status_code, answer.headers["connection"]) == (413, "close")


async def test_first_value_of_a_field_counts(still_client):
    headers = {"Content-Type": f"{forms.KIND}; charset=utf-8"}
    answer = await still_client.post("/apps", content=b"name=one&name=two", headers=headers)
    assert answer.json()["name"] == "one"

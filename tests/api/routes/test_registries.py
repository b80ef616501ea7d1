LOGIN = {"server": "registry.example:5000", "username": "ada", "password": "correct-horse"}
SHOWN = {"server": "registry.example:5000", "username": "ada", "password": ""}


async def test_login_is_kept_and_no_answer_holds_its_password(still_client):
    added = await still_client.post("/registries", data=LOGIN)
    assert (added.status_code, added.json()) == (200, SHOWN)
    assert (await still_client.get("/registries")).json() == [SHOWN]


async def test_rack_without_logins_lists_none(still_client):
    assert (await still_client.get("/registries")).text == "[]\n"


async def test_login_is_removed_by_its_path_or_by_a_query(still_client):
    for path in ("/registries/registry.example:5000", "/registries?server=registry.example%3A5000"):
        await still_client.post("/registries", data=LOGIN)
        assert (await still_client.delete(path)).text == "ok\n"
        assert (await still_client.get("/registries")).json() == []
        assert (await still_client.delete(path)).status_code == 404


async def test_server_may_be_given_as_an_address_with_slashes(still_client):
    await still_client.post("/registries", data=LOGIN | {"server": "https://index.docker.io/v1/"})
    assert (await still_client.get("/registries")).json()[0]["server"] == "docker.io"
    assert (await still_client.delete("/registries/https://index.docker.io/v1/")).text == "ok\n"


async def test_field_that_is_missing_or_wrong_is_named_and_the_password_is_not(still_client):
    for form, field in (({**LOGIN, "server": "a b"}, "server"), ({"server": "a.b", "password": "x"}, "username")):
        answer = await still_client.post("/registries", data=form)
        assert (answer.status_code, answer.text.partition(":")[0]) == (400, field)
        assert "correct-horse" not in answer.text

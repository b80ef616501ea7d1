import pytest

from sternway.core.errors import ManifestInvalid
from sternway.core.manifest import parse
from sternway.core.manifest.nodes import read
from sternway.core.manifest.tree import grow
from tests.core.manifest.texts import errors, manifest, service, service_errors


def test_variables_are_filled_in_anywhere():
    web = service("image: a/${NAME}:${TAG}\nport: ${PORT}\n", {"NAME": "b", "TAG": "1", "PORT": "3000"})
    assert web.image == "a/b:1"
    assert web.port is not None
    assert web.port.number == 3000


def test_value_cannot_add_structure():
    evil = "x\n    privileged: true\n    image: {evil: [1, 2]}"
    web = service("command: ${EVIL}\n", {"EVIL": evil})
    assert web.command == evil
    assert web.privileged is False


@pytest.mark.parametrize("value", ["[1, 2]", "{a: b}", "null", "true", "*anchor", "!!tag", "# none", '"'])
def test_value_that_looks_like_yaml_stays_text(value):
    assert service("command: ${X}\n", {"X": value}).command == value


def test_references_need_no_quotes_within_brackets():
    web = service("domain: [${A}, www.${A}]\nport: {port: ${P}}\n", {"A": "a.org", "P": "80"})
    assert web.domains == ("a.org", "www.a.org")
    assert web.port is not None
    assert web.port.number == 80


def test_value_that_holds_a_reference_is_not_filled_in_again():
    assert service("command: ${A}\n", {"A": "${B}", "B": "no"}).command == "${B}"


def test_empty_variable_leaves_nothing_behind():
    web = service("port: ${PORT}\ndomain: ${HOST}\n", {"PORT": "", "HOST": ""})
    assert web.port is None
    assert web.domains == ()


def test_shell_forms_are_left_alone():
    assert service("command: echo $A ${A-} ${A:-b} $${ }\n", {}).command == "echo $A ${A-} ${A:-b} $${ }"


def test_missing_variables_are_all_named_with_their_place():
    assert service_errors("port: ${PORT}\ncommand: ${A} ${B}\n", {"PATH": "secret"}) == [
        "services.web.port: needs PORT, which the environment does not have (line 3)",
        "services.web.command: needs A and B, which the environment does not have (line 4)",
    ]


def test_without_variables_references_stay_and_are_not_judged():
    web = service("""
        port: ${PORT}
        image: app:${TAG}
        domain: "${HOST}, www.example.org"
        scale: ${COUNT}
        health: {interval: "${EVERY}"}
        deployment: {minimum: "${LEAST}", maximum: 150}
        whitelist: ["${NET}"]
    """)
    assert web.image == "app:${TAG}"
    assert web.domains == ("${HOST}", "www.example.org")
    assert web.port is None
    assert (web.deployment.minimum, web.deployment.maximum) == (50, 150)


def test_without_variables_a_required_number_may_be_open():
    assert service("port: {port: '${PORT}', scheme: https}\n").port is None


def test_without_variables_the_rest_is_judged():
    assert service_errors("domain: ['${HOST}', 'a b']\nport: 0\n") == [
        "services.web.domain.1: must be a host name such as www.example.org or *.example.org (line 3)",
        "services.web.port: must be a number between 1 and 65535 (line 4)",
    ]


def test_keys_are_filled_in_and_shown_as_written():
    text = "labels:\n  ${KEY}: v\nservices:\n  ${NAME}: {port: zero}\n"
    assert errors(text, {"KEY": "secret-key", "NAME": "secret"}) == [
        "services.${NAME}.port: must be a number between 1 and 65535 (line 4)"
    ]


def test_variables_cannot_blow_up_the_file():
    text = "services:\n  web:\n    command: " + "${X}" * 1000
    with pytest.raises(ManifestInvalid, match=r"grows by more than 4194304 characters of variables \(line 3\)"):
        parse(text, {"X": "x" * 10_000})


def test_key_twice_is_an_error_with_both_lines():
    assert service_errors("port: 1\ncommand: a\nport: 2\n") == [
        "services.web.port: is there twice, first on line 3 (line 5)"
    ]


def test_keys_that_become_the_same_are_an_error():
    assert errors("labels:\n  a: 1\n  ${X}: 2\n", {"X": "a"}) == [
        "labels.${X}: is there twice, first on line 2 (line 3)"
    ]


def test_merge_key_gives_what_the_map_has_not_itself():
    found = manifest("""
        x-base: &base
          port: 3000
          command: base
        x-more: &more {command: more, drain: 7}
        services:
          web:
            <<: [*base, *more]
            command: own
    """).services["web"]
    assert found.command == "own"
    assert found.drain_s == 7
    assert found.port is not None


def test_first_of_several_merged_maps_wins():
    found = manifest("""
        x-a: &a {command: a}
        x-b: &b {command: b}
        services: {web: {<<: [*a, *b]}}
    """).services["web"]
    assert found.command == "a"


def test_merge_of_something_else_is_an_error():
    assert service_errors("<<: 3\n") == ['services.web."<<": must be a map, or a list of maps, to merge (line 3)']


def test_error_in_a_merged_map_names_the_line_where_it_stands():
    assert errors("x-base: &base\n  port: zero\nservices:\n  web:\n    <<: *base\n") == [
        "services.web.port: must be a number between 1 and 65535 (line 2)"
    ]


def test_quoted_merge_key_is_a_key_like_others():
    assert "<<" in grow(read('"<<": 1'), None).root


def test_quotes_keep_words_that_yaml_would_take_for_nothing():
    assert service("command: 'null'\n").command == "null"
    assert service("command: null\n").command is None
    assert service("command: ~\n").command is None


def test_numbers_that_are_text_stay_as_written():
    found = manifest("resources: {db: {type: postgres, options: {version: 1.10, storage: 020, x: yes, y: }}}")
    assert found.resources["db"].options == {"version": "1.10", "storage": "020", "x": "yes", "y": ""}

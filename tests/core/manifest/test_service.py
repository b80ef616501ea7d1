import pytest

from sternway.core.environment import Declaration
from sternway.core.manifest.container import Build, ConfigMount
from sternway.core.manifest.network import ExposedPort
from sternway.core.manifest.resources import ResourceLink, VolumeEntry
from tests.core.manifest.texts import manifest, service, service_errors, warnings


def test_service_without_keys_has_the_defaults():
    web = service()
    assert web.name == "web"
    assert web.build == Build(path=".", manifest="Dockerfile")
    assert (web.image, web.command, web.port, web.test, web.release, web.rollback) == (None,) * 6
    assert (web.environment, web.domains, web.ports, web.volumes, web.resources, web.whitelist) == ((),) * 6
    assert (web.drain_s, web.termination_grace_s, web.timeout_s) == (30, 30, 60)
    assert not any((web.internal, web.internal_router, web.singleton, web.sticky, web.privileged))
    assert web.agent.is_enabled is False
    assert web.tls_redirect is True
    assert (web.deployment.minimum, web.deployment.maximum) == (50, 200)


def test_service_may_be_nothing_but_a_name():
    assert manifest("services:\n  web:\n").services["web"].name == "web"


def test_services_keep_the_order_of_the_file():
    assert list(manifest("services: {z: , a: , m: }").services) == ["z", "a", "m"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("build: api", Build(path="api")),
        (
            "build: {path: api, manifest: Dockerfile.web, args: [A=1, B]}",
            Build(path="api", manifest="Dockerfile.web", args=("A=1", "B")),
        ),
        ("image: nginx", None),
        ("image: nginx\nbuild: api", Build(path="api")),
    ],
)
def test_build_is_a_directory_or_a_map_or_left_to_an_image(body, expected):
    assert service(body).build == expected


@pytest.mark.parametrize("path", ["/etc", "..", "../x", "a/../../b", "a/.."])
def test_build_stays_inside_the_source(path):
    assert service_errors(f"build: {path}\n") == [
        "services.web.build: must be a path inside the source, without .. in it (line 3)"
    ]


def test_command_as_a_list_is_quoted_for_a_shell():
    assert service("command: [sh, -c, 'echo a b']").command == "sh -c 'echo a b'"


def test_command_that_is_a_map_is_refused():
    assert service_errors("command: {a: b}") == ["services.web.command: must be text (line 3)"]


def test_environment_of_the_service_wins_over_that_of_the_app():
    found = manifest("""
        environment: [A, B=1, "*"]
        services:
          web: {environment: [B=2, C]}
          job:
    """)
    everything = Declaration("*")
    assert found.environment == (Declaration("A"), Declaration("B", "1"), everything)
    assert found.services["web"].environment == (
        Declaration("A"),
        Declaration("B", "2"),
        everything,
        Declaration("C"),
    )
    assert found.services["job"].environment == found.environment


def test_environment_lists_within_lists_become_one():
    found = manifest("x: &base [A, [B=x=y]]\nservices: {web: {environment: [*base, C=]}}")
    assert found.services["web"].environment == (Declaration("A"), Declaration("B", "x=y"), Declaration("C", ""))


@pytest.mark.parametrize("entry", ["1A", "a b", "'*=1'", "{A: b}", "''", "[[1A]]"])
def test_environment_entry_of_another_form_is_refused(entry):
    assert service_errors(f"environment:\n  - OK\n  - {entry}\n") == [
        "services.web.environment.1: must be NAME, NAME=default or * (line 5)"
    ]


def test_environment_as_a_map_is_refused():
    assert service_errors("environment: {A: b}") == ["services.web.environment: must be a list (line 3)"]


@pytest.mark.parametrize(
    ("body", "is_enabled", "ports"),
    [
        ("agent: true", True, ()),
        ("agent: no", False, ()),
        ("agent: {enabled: true, ports: [53/udp, 80]}", True, (ExposedPort(53, "udp"), ExposedPort(80))),
    ],
)
def test_agent_is_a_flag_or_a_map(body, is_enabled, ports):
    agent = service(body).agent
    assert (agent.is_enabled, agent.ports) == (is_enabled, ports)


@pytest.mark.parametrize("body", ["singleton: true", "agent: true"])
def test_singletons_and_agents_are_never_there_twice(body):
    deployment = service(body).deployment
    assert (deployment.minimum, deployment.maximum) == (0, 100)


def test_singleton_keeps_what_the_file_says_about_its_rollout():
    deployment = service("singleton: true\ndeployment: {maximum: 150}").deployment
    assert (deployment.minimum, deployment.maximum) == (0, 150)


@pytest.mark.parametrize(("word", "truth"), [("true", True), ("Yes", True), ("on", True), ("off", False), ("N", False)])
def test_flags_take_the_words_of_yaml(word, truth):
    assert service(f"sticky: {word}").sticky is truth


def test_flag_with_another_word_is_refused():
    assert service_errors("internal: maybe") == ["services.web.internal: must be true or false (line 3)"]


def test_volumes_have_three_forms():
    found = manifest("""
        services: {web: {volumes: [/data, "/srv/host:/data2", "files:/data3"]}}
        resources: {files: {type: efs}}
    """)
    assert found.services["web"].volumes == (
        VolumeEntry(None, "/data"),
        VolumeEntry("/srv/host", "/data2"),
        VolumeEntry("files", "/data3"),
    )


@pytest.mark.parametrize("entry", ["data", "/a:b", "':/a'", "a:b:/c", "''"])
def test_volume_of_another_form_is_refused(entry):
    assert service_errors(f"volumes: [{entry}]") == [
        "services.web.volumes.0: must be /path, /of-the-machine:/path or resource:/path (line 3)"
    ]


def test_resource_links_name_their_variable():
    found = manifest("""
        services: {web: {resources: [main-db, "cache:CACHE"]}}
        resources: {main-db: {type: postgres}, cache: {type: redis}}
    """)
    assert found.services["web"].resources == (
        ResourceLink("main-db", "MAIN_DB_URL"),
        ResourceLink("cache", "CACHE"),
    )


def test_parts_of_a_container_are_read():
    found = manifest("""
        configs: [{id: conf, name: a.conf, value: "x"}]
        services:
          web:
            configMounts: [{id: conf, dir: /etc/app, filename: a.conf}]
            securityContext:
              runAsNonRoot: true
              runAsUser: 1000
              capabilities: {add: [NET_ADMIN], drop: [ALL]}
              seccompProfile: runtimedefault
            lifecycle: {preStop: sleep 1, postStart: echo}
            initContainer: {image: busybox, command: init, configMounts: [{id: conf, dir: /etc}]}
            imagePullSecrets: [{registry: r.example.org, username: u, passwordEnv: PASS}]
            volumeOptions: [{emptyDir: {id: a, mountPath: /a}}]
            termination: {grace: 45}
            tls: {redirect: false}
            certificate: {id: c1}
            links: [job]
            labels: {team: a}
            grpcHealthEnabled: true
            release: bin/migrate
            rollback: bin/migrate down
    """).services["web"]
    assert found.config_mounts == (ConfigMount(id="conf", dir="/etc/app", filename="a.conf"),)
    assert found.security_context is not None
    assert found.security_context.run_as_user == 1000
    assert found.security_context.capabilities is not None
    assert found.security_context.capabilities.drop == ("ALL",)
    assert found.security_context.seccomp_profile == "RuntimeDefault"
    assert found.lifecycle is not None
    assert found.lifecycle.pre_stop == "sleep 1"
    assert found.init_container is not None
    assert found.image_pull_secrets[0].password_env == "PASS"
    assert found.volume_options == ({"emptyDir": {"id": "a", "mountPath": "/a"}},)
    assert (found.termination_grace_s, found.tls_redirect) == (45, False)
    assert (found.release, found.rollback) == ("bin/migrate", "bin/migrate down")


def test_unknown_key_is_a_warning_with_the_nearest_one():
    assert warnings("services:\n  web:\n    comand: x\n    qqqq: y\n") == (
        "services.web.comand: unknown key, ignored; did you mean command? (line 3)",
        "services.web.qqqq: unknown key, ignored (line 4)",
    )


def test_attribute_names_are_no_keys():
    text = "services:\n  web:\n    drain_s: 99\n    name: other\n"
    assert len(warnings(text)) == 2
    assert manifest(text).services["web"].drain_s == 30
    assert manifest(text).services["web"].name == "web"


def test_key_for_another_platform_is_one_warning():
    assert warnings("services:\n  web:\n    policies: [a, b]\n    nlb:\n      - {port: 1}\n") == (
        "services.web.policies: is not for this platform, ignored (line 3)",
        "services.web.nlb: is not for this platform, ignored (line 4)",
    )


def test_keys_of_the_author_are_silent_at_the_top_only():
    assert warnings("x-base: {a: b}\nservices: {web: {x-base: 1}}") == (
        "services.web.x-base: unknown key, ignored (line 2)",
    )


def test_passwords_are_not_shown():
    web = service("imagePullSecrets: [{registry: r, username: u, password: hunter2}]")
    assert "hunter2" not in repr(web)

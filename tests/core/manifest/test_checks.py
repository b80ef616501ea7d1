import pytest

from tests.core.manifest.texts import errors, manifest, service_errors, warnings

TIMER = "timers: {t: {command: a, schedule: '%s', service: web, concurrency: forbid, parallelCount: 2}}"


@pytest.mark.parametrize("section", ["services", "resources", "timers", "balancers"])
@pytest.mark.parametrize("name", ["Web", "1a", "a_b", "-a", "a.b", '""', "x" * 64])
def test_names_are_lower_case(section, name):
    found = errors(f"{section}:\n  {name}:\n")
    assert any("must be a name of lower-case letters, digits and dashes" in line for line in found)
    assert all(line.endswith("(line 2)") for line in found)


@pytest.mark.parametrize("schedule", ["0 3 * * *", "*/5 * * * MON-FRI", "0 18 ? * MON-FRI *", "@daily"])
def test_timers_take_the_forms_of_cron(schedule):
    timer = manifest(f"services: {{web: }}\n{TIMER % schedule}").timers["t"]
    assert (timer.schedule, timer.concurrency, timer.parallel_count) == (schedule, "Forbid", 2)


@pytest.mark.parametrize("schedule", ["daily", "* * * *", "* * * * * * *", "a; b c d e"])
def test_timers_refuse_other_schedules(schedule):
    (only,) = errors(f"services: {{web: }}\n{TIMER % schedule}")
    assert only.startswith("timers.t.schedule: must have five fields")


def test_timer_without_its_keys_names_each():
    assert errors("timers:\n  t: {concurrency: sometimes}\n") == [
        "timers.t: command is missing (line 2)",
        "timers.t: schedule is missing (line 2)",
        "timers.t: service is missing (line 2)",
        "timers.t.concurrency: must be one of Allow, Forbid, Replace (line 2)",
    ]


def test_what_is_named_must_be_there():
    assert errors("""\
        services:
          web:
            resources: [db]
            volumes: ["files:/a"]
            configMounts: [{id: c, dir: /a}]
        timers:
          t: {command: a, schedule: "* * * * *", service: job}
        balancers:
          b: {service: job}
    """) == [
        "services.web.resources.0: names no resource of this file (line 3)",
        "services.web.volumes.0: names no resource of this file; a path of the machine begins with / (line 4)",
        "services.web.configMounts.0.id: names no entry of configs (line 5)",
        "timers.t.service: names no service of this file (line 7)",
        "balancers.b.service: names no service of this file (line 9)",
    ]


def test_what_is_named_may_have_errors_of_its_own():
    assert errors("""\
        services:
          web: {port: 0, resources: [db]}
        resources:
          db: {}
        timers:
          t: {command: a, schedule: "* * * * *", service: web}
    """) == [
        "services.web.port: must be a number between 1 and 65535 (line 2)",
        "resources.db: type is missing (line 4)",
    ]


def test_internal_excludes_the_internal_router():
    assert service_errors("internal: true\ninternalRouter: true") == [
        "services.web.internalRouter: cannot be combined with internal (line 4)"
    ]


def test_host_belongs_to_one_service():
    assert errors("services:\n  a: {domain: 'x.org, x.org'}\n  b: {domain: X.org}\n") == [
        "services.b.domain: has a host that another service has already (line 3)"
    ]


def test_hosts_that_are_not_filled_in_may_be_the_same():
    text = "services:\n  a: {domain: '${HOST}'}\n  b: {domain: '${HOST}'}\n"
    assert len(manifest(text).services) == 2
    assert len(errors(text, {"HOST": "x.org"})) == 1


def test_labels_of_the_platform_are_reserved():
    assert errors("labels: {app: a}\nservices: {web: {labels: {release: b}}}") == [
        "labels.app: is a label that the platform sets itself (line 1)",
        "services.web.labels.release: is a label that the platform sets itself (line 2)",
    ]


def test_labels_of_the_app_reach_its_services():
    found = manifest("labels: {a: 1, b: 1}\nservices: {web: {labels: {b: 2}}, job: }").services
    assert found["web"].labels == {"a": "1", "b": "2"}
    assert found["job"].labels == {"a": "1", "b": "1"}


def test_what_has_no_effect_is_a_warning():
    assert warnings("services:\n  web:\n    internal: true\n    domain: a.org\n    image: a\n    build: .\n") == (
        "services.web.domain: has no effect, since the service is internal (line 4)",
        "services.web.build: has no effect, since there is an image (line 6)",
    )

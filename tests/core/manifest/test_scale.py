import pytest

from sternway.core.manifest.scale import Range
from tests.core.manifest.texts import service, service_errors


@pytest.mark.parametrize(
    ("form", "minimum", "maximum"),
    [
        ("3", 3, 3),
        ("0", 0, 0),
        ("1-10", 1, 10),
        ("2 - 4", 2, 4),
        ("2+", 2, None),
        ("{count: 3}", 3, 3),
        ("{count: 1-10}", 1, 10),
        ("{count: {min: 2, max: 5}}", 2, 5),
        ("{min: 2, max: 5}", 2, 5),
        ("{max: 5}", 1, 5),
        ("{min: 0}", 0, None),
        ("{cpu: 100}", 1, 1),
    ],
)
def test_count_has_these_forms(form, minimum, maximum):
    assert service(f"scale: {form}").scale.count == Range(minimum=minimum, maximum=maximum)


@pytest.mark.parametrize("form", ["many", "-1", "1-", "+", "1.5", "1-2-3"])
def test_count_of_another_form_is_refused(form):
    assert service_errors(f"scale: {form}") == [
        "services.web.scale: must be a number such as 3, or a range such as 1-10 or 2+ (line 3)"
    ]


def test_size_is_open_unless_given():
    scale = service().scale
    assert (scale.cpu, scale.memory, scale.limit.cpu, scale.limit.memory) == (None,) * 4


def test_size_limits_and_triggers_are_read():
    scale = service("""
        scale:
          count: 1-4
          cpu: 250
          memory: 512
          limit: {cpu: 500, memory: 1024}
          gpu: 1
          cooldown: {up: 30}
          targets: {cpu: 70, custom: {AWS/SQS: {value: 1}}}
          autoscale: {cpu: {threshold: 50}}
    """).scale
    assert (scale.cpu, scale.memory, scale.limit.cpu, scale.limit.memory) == (250, 512, 500, 1024)
    assert scale.gpu is not None
    assert (scale.gpu.count, scale.gpu.vendor) == (1, "nvidia")
    assert scale.cooldown is not None
    assert (scale.cooldown.up_s, scale.cooldown.down_s) == (30, 60)
    assert scale.targets is not None
    assert scale.targets.custom == {"AWS/SQS": {"value": "1"}}
    assert scale.autoscale == {"cpu": {"threshold": "50"}}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("scale: 5-2", "services.web.scale: has a minimum above its maximum (line 3)"),
        ("scale: {min: 5, max: 2}", "services.web.scale.max: has a minimum above its maximum (line 3)"),
        ("scale: {count: 1, min: 2}", "services.web.scale.count: cannot be combined with min and max (line 3)"),
        ("scale: {cpu: 2, limit: {cpu: 1}}", "services.web.scale.limit.cpu: must not be below scale.cpu (line 3)"),
        (
            "scale: {memory: 2, limit: {memory: 1}}",
            "services.web.scale.limit.memory: must not be below scale.memory (line 3)",
        ),
        ("scale: {cpu: 0}", "services.web.scale.cpu: must be a whole number, 1 or more (line 3)"),
        ("deployment: {minimum: 101}", "services.web.deployment.minimum: must be a number between 0 and 100 (line 3)"),
        ("deployment: {maximum: 99}", "services.web.deployment.maximum: must be a whole number, 100 or more (line 3)"),
        (
            "deployment: {minimum: 100, maximum: 100}",
            "services.web.deployment: leaves no room to replace a process: lower minimum or raise maximum (line 3)",
        ),
    ],
)
def test_sizes_that_cannot_be_are_refused(body, message):
    assert service_errors(body) == [message]


def test_singleton_may_leave_no_room():
    assert service("singleton: true\ndeployment: {minimum: 100, maximum: 100}").deployment.minimum == 100

"""The operator's flags and their environment variables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medusa_operator.process import options
from medusa_operator.process.options import Options

USUAL = Options(
    image="medusa-database-operator",
    namespaces=(),
    selector="",
    max_concurrent_runs=0,
    pod_template_policy="restricted",
    require_secret_annotation=False,
    resync=300.0,
    lease="medusa-database-operator",
    lease_namespace="",
    health_address=("", 8081),
    metrics_address=("", 8080),
    metrics_authentication="none",
    log_format="json",
    log_level="info",
)

CASES = [
    pytest.param("--image", "shop/runner:1", {"image": "shop/runner:1"}, id="image"),
    pytest.param("--namespace", "a,b", {"namespaces": ("a", "b")}, id="namespaces"),
    pytest.param("--selector", "tier=gold", {"selector": "tier=gold"}, id="selector"),
    pytest.param("--max-concurrent-runs", "3", {"max_concurrent_runs": 3}, id="concurrent"),
    pytest.param(
        "--pod-template-policy",
        "unrestricted",
        {"pod_template_policy": "unrestricted"},
        id="policy",
    ),
    pytest.param(
        "--require-secret-annotation", "true", {"require_secret_annotation": True}, id="secrets"
    ),
    pytest.param("--resync", "10m", {"resync": 600.0}, id="resync"),
    pytest.param("--lease", "second", {"lease": "second"}, id="lease"),
    pytest.param("--lease-namespace", "ops", {"lease_namespace": "ops"}, id="lease-namespace"),
    pytest.param(
        "--health-address", "[::1]:9", {"health_address": ("::1", 9)}, id="health-address"
    ),
    pytest.param("--metrics-address", "off", {"metrics_address": None}, id="metrics-address"),
    pytest.param(
        "--metrics-authentication",
        "token",
        {"metrics_authentication": "token"},
        id="metrics-authentication",
    ),
    pytest.param("--log-format", "text", {"log_format": "text"}, id="log-format"),
    pytest.param("--log-level", "debug", {"log_level": "debug"}, id="log-level"),
]


def variable(flag):
    return "MEDUSA_DB_" + flag[2:].replace("-", "_").upper()


def test_no_flag_is_required():
    found = options.parse([], {})

    assert found == USUAL


@pytest.mark.parametrize(("flag", "text", "changes"), CASES)
def test_a_flag_says_what_it_says(flag, text, changes):
    found = options.parse([flag, text], {})

    assert found == replace(USUAL, **changes)


@pytest.mark.parametrize(("flag", "text", "changes"), CASES)
def test_the_environment_says_the_same(flag, text, changes):
    found = options.parse([], {variable(flag): text})

    assert found == replace(USUAL, **changes)


def test_a_flag_wins_over_its_twin_and_may_be_repeated():
    found = options.parse(["--namespace", "a", "--namespace", "b,a"], {"MEDUSA_DB_NAMESPACE": "c"})

    assert found == replace(USUAL, namespaces=("a", "b"))


@pytest.mark.parametrize(
    ("flag", "text", "sentence"),
    [
        pytest.param("--namespace", "Shop", "'Shop' is not a name", id="namespace"),
        pytest.param(
            "--image", "https://r/x", "'https://r/x' is no image; it is named", id="image"
        ),
        pytest.param("--resync", "soon", "'soon' is not a duration", id="resync"),
        pytest.param("--resync", "10ms", "'10ms' is shorter than 100ms", id="hasty"),
        pytest.param("--max-concurrent-runs", "-1", "'-1' is not a whole number", id="concurrent"),
        pytest.param("--health-address", "8081", "'8081' is not HOST:PORT", id="address"),
        pytest.param("--metrics-address", ":99999", "':99999' is not HOST:PORT", id="port"),
        pytest.param("--selector", "tier=(gold", "'tier=(gold' selects no labels", id="selector"),
        pytest.param("--pod-template-policy", "lax", "'lax' is not one of restricted", id="policy"),
        pytest.param(
            "--require-secret-annotation", "maybe", "neither true nor false", id="secrets"
        ),
        pytest.param("--log-format", "xml", "'xml' is not one of json, text", id="log-format"),
    ],
)
def test_what_cannot_be_meant_gets_a_sentence_and_exit_status_2(flag, text, sentence, capsys):
    for arguments, environ, named in (
        ([f"{flag}={text}"], {}, flag),
        ([], {variable(flag): text}, variable(flag)),
    ):
        with pytest.raises(SystemExit) as ended:
            options.parse(arguments, environ)

        said = capsys.readouterr().err.splitlines()[-1]
        assert (ended.value.code, named in said, sentence in said) == (2, True, True), said


@pytest.mark.parametrize(
    "text", ["a=b", "a == b", "a!=b,c", "!test/operator", "a in (b, c),d notin (e)", "a="]
)
def test_a_selector_is_what_kubectl_takes(text):
    found = options.parse(["--selector", text], {})

    assert found == replace(USUAL, selector=text)


def test_a_flag_that_is_not_there_is_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        options.parse(["--resyn", "5m"], {})

    assert ended.value.code == 2
    assert "unrecognized arguments: --resyn" in capsys.readouterr().err

"""Tests of what stops a run before its first request, on every environment, the local one too."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from conformance.contracts.loading import load_spec
from conformance.engine.plan import Selection, make_plan
from conformance.formats import documents
from conformance.mock.platform import LocalPlatform
from conformance.model.errors import UsageError
from conformance.review.before_run import check_before_run
from conformance.target.reading import choose_services, load_target
from tests.test_cli import conformance
from tests.test_review import ISSUER

SERVICE = "therapeutic-exclusion"
SPEC = load_spec(SERVICE)


@pytest.fixture(scope="module")
def settings() -> Iterator[Mapping[str, Any]]:
    """Return the settings of a local platform's service."""
    with LocalPlatform((SPEC,)) as platform:
        yield platform.settings(SERVICE)


def _check(folder: Path, settings: Mapping[str, Any]) -> None:
    file = folder / "target.yaml"
    data = {"name": "x", "environment": "local", "services": {SERVICE: settings}}
    file.write_text(documents.dump(data), encoding="utf-8")
    file.chmod(0o600)
    target = load_target(str(file))
    check_before_run(make_plan(target, choose_services(target, ()), Selection()))


def _changed(settings: Mapping[str, Any], part: str, **values: object) -> dict[str, Any]:
    return {**settings, part: {**settings[part], **values}}


def test_right_target_is_let_run(tmp_path: Path, settings: Mapping[str, Any]) -> None:
    """What the local platform writes of itself stops nothing."""
    _check(tmp_path, settings)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"patient": "90010199795"}, "data.patient is no valid"),
        ({"practitioners": [{"ssin": "70020299541", "qualification": "persfysician"}]}, "'persfysician' is not in the"),
        ({"pharmacies": [{"nihii": "6123451"}]}, "data.pharmacies.0.nihii is no valid"),
    ],
)
def test_wrong_test_value_stops_a_local_run(
    tmp_path: Path, settings: Mapping[str, Any], values: Mapping[str, Any], words: str
) -> None:
    """A value that a service is right to refuse accuses nobody: the run does not begin."""
    with pytest.raises(UsageError) as caught:
        _check(tmp_path, _changed(settings, "data", **values))
    assert words in str(caught.value)


def test_token_of_another_patient_stops_a_local_run(tmp_path: Path, settings: Mapping[str, Any]) -> None:
    """A token that can be read and is somebody else's is a mistake of the target file."""
    other = settings["tokens"]["other_citizen"]
    with pytest.raises(UsageError) as caught:
        _check(tmp_path, _changed(settings, "tokens", citizen=other))
    assert "tokens.citizen" in str(caught.value)


def test_token_out_of_date_stops_a_local_run(tmp_path: Path, settings: Mapping[str, Any]) -> None:
    """A token that has run out is a mistake of the target file."""
    old = ISSUER.issue({"userProfile": {"ssin": "90010199794"}}, timedelta(days=-400))
    with pytest.raises(UsageError) as caught:
        _check(tmp_path, _changed(settings, "tokens", citizen=old))
    assert "expired" in str(caught.value)


def test_token_of_another_form_lets_a_local_run_be(tmp_path: Path, settings: Mapping[str, Any]) -> None:
    """A local service may have tokens of any form: one that cannot be read is merely noted."""
    _check(tmp_path, _changed(settings, "tokens", citizen="opaque-0123456789"))


def test_run_with_a_wrong_test_value_ends_with_2(tmp_path: Path) -> None:
    """The command line says what is wrong, and sends nothing."""
    services = {SERVICE: {"base_url": "http://127.0.0.1:9/x", "tokens": {}, "data": {"patient": "90010199795"}}}
    (tmp_path / "t.yaml").write_text(
        documents.dump({"name": "x", "environment": "local", "services": services}), encoding="utf-8"
    )
    done = conformance("run", "--target", tmp_path / "t.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "data.patient is no valid" in done.stderr

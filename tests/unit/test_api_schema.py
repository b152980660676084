# SPDX-License-Identifier: Apache-2.0
"""Every operation of the OpenAPI document answers as documented, whatever is sent to it.

No 5xx, no status and no media type that the document does not name, answers that fit their
schemas. The `slow` run tries many more requests.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import hypothesis
import pytest
import schemathesis
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from support.archives import minted, new_archive, page, settings_at
from support.origin import Origin

from api.app import create_app
from archive.services.access.keys import grant, make_api_key
from archive.services.acts.restrict import Wanted, restrict
from archive.services.context import Archive
from archive.settings import load_settings

FEW, MANY = 40, 1500
ENOUGH = str(10**9)
OPERATIONS = [
    ("POST", "/api/v1/captures"),
    ("POST", "/api/v1/captures/batch"),
    ("GET", "/api/v1/jobs/{job_id}"),
    ("DELETE", "/api/v1/jobs/{job_id}"),
    ("GET", "/api/v1/records/{text}"),
    ("GET", "/api/v1/records/{text}/restriction"),
    ("PUT", "/api/v1/records/{text}/restriction"),
    ("DELETE", "/api/v1/records/{text}/restriction"),
    ("GET", "/api/v1/records/{text}/withdrawal"),
    ("PUT", "/api/v1/records/{text}/withdrawal"),
    ("DELETE", "/api/v1/records/{text}/withdrawal"),
    ("GET", "/api/v1/records/{text}/supersession"),
    ("PUT", "/api/v1/records/{text}/supersession"),
    ("DELETE", "/api/v1/records/{text}/supersession"),
    ("GET", "/api/v1/records/{text}/corrections"),
    ("POST", "/api/v1/records/{text}/corrections"),
    ("GET", "/api/v1/records/{text}/redactions"),
    ("POST", "/api/v1/records/{text}/redactions"),
    ("GET", "/api/v1/records/{text}/custody"),
    ("GET", "/api/v1/records/{text}/grants"),
    ("PUT", "/api/v1/records/{text}/grants/{key_id}"),
    ("DELETE", "/api/v1/records/{text}/grants/{key_id}"),
    ("GET", "/api/v1/keys"),
    ("DELETE", "/api/v1/keys/{key_id}"),
    ("POST", "/api/v1/verifications"),
    ("POST", "/api/v1/verifications/batch"),
    ("GET", "/api/v1/verifications/{sha256}"),
    ("GET", "/api/v1/records/{text}/verifications"),
    ("GET", "/api/v1/hashes/{prefix}"),
    ("GET", "/api/v1/health"),
]
CHECKS = (
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)


pytestmark = pytest.mark.both_databases(later=True)


@dataclass(frozen=True)
class Target:
    schema: schemathesis.BaseSchema
    ids: tuple[str, ...]
    archive: Archive
    token: str
    other_key_id: str


@pytest.fixture(scope="module")
def target(
    tmp_path_factory: pytest.TempPathFactory, module_database_setting: dict[str, str]
) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("archive") / "data"
    archive = new_archive(settings_at(folder, **module_database_setting))
    with Origin() as origin:
        origin.page("/terms", page())
        records = [minted(archive, origin.url("/terms")) for _ in range(3)]
    restrict(archive, records[1], Wanted(None, "public", "embargo"), "operator")
    restrict(archive, records[2], Wanted(None, "hidden", "sealed"), "operator")
    token = make_api_key(archive, ("read", "capture", "curate", "admin"), "a test")
    grant(archive, token.split("_")[1], records[2])
    limits = {
        f"MUNIMENT_LIMITS_{kind}_PER_MINUTE": ENOUGH
        for kind in ("READS", "WRITES", "VERIFICATIONS")
    }
    app = create_app(archive, settings=load_settings(environment=limits))
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    ids = (*map(str, records), str(records[0]).lower(), str(records[0])[:-3], "CA-C-0000001-38")
    other = make_api_key(archive, ("read",), "another")
    yield Target(schema, ids, archive, token, other.split("_")[1])
    archive.close()


def hammer(target: Target, method: str, path: str, examples: int) -> None:
    """Send generated requests to one operation, with and without a key, to real and made-up IDs."""
    operation = target.schema[path][method]
    choices = hypothesis.strategies.tuples(
        hypothesis.strategies.one_of(
            operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE),
            operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE),
        ),
        hypothesis.strategies.sampled_from((*target.ids, None)),
        hypothesis.strategies.booleans(),
    )

    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(choices)
    def run(choice: tuple[schemathesis.Case, str | None, bool]) -> None:
        case, record_id, has_key = choice
        if record_id is not None and "text" in (case.path_parameters or {}):
            case.path_parameters["text"] = record_id
        if record_id is not None and "key_id" in (case.path_parameters or {}):
            case.path_parameters["key_id"] = target.other_key_id
        # Nobody works on the jobs here, and a request that waits would wait for a minute.
        for sent, name in ((case.query, "wait"), (case.headers, "Prefer")):
            if sent:
                sent.pop(name, None)
        headers = {"Authorization": f"Bearer {target.token}"} if has_key else {}
        response = case.call(headers=headers)
        case.validate_response(response, checks=CHECKS)

    run()


def test_every_operation_is_tried(target: Target) -> None:
    found = [
        (method.upper(), path)
        for path, methods in target.schema.raw_schema["paths"].items()
        for method in methods
        if method in {"get", "put", "post", "delete", "patch"}
    ]
    assert sorted(found) == sorted(OPERATIONS)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_answers_are_as_documented(target: Target, method: str, path: str) -> None:
    hammer(target, method, path, FEW)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_answers_are_as_documented_at_length(target: Target, method: str, path: str) -> None:
    hammer(target, method, path, MANY)

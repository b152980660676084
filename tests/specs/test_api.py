# SPDX-License-Identifier: Apache-2.0
"""api.md names every route with its scope, every code, and the limits that the code has."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from specs.documents import codes, spec, table
from support.archives import new_archive, settings_at

from api.app import create_app
from api.idempotency import HEADER
from api.pages.problem_types import problem_type
from api.problems import slug
from archive import errors
from archive.catalog.access import SCOPES
from archive.services.access.keys import make_api_key
from archive.services.context import Archive
from archive.settings import LimitsSettings

TEXT = spec("api.md")


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    opened = new_archive(settings_at(tmp_path / "data"))
    yield opened
    opened.close()


_PARAMETERS = {
    "text": "id",
    "job_id": "id",
    "key_id": "key",
    "prefix": "prefix",
    "sha256": "sha256",
}
_PARAMETER = re.compile(r"{(\w+)}")


def routes() -> dict[str, str]:
    """The scope of each documented route, by `METHOD /path`."""
    return {codes(route)[0]: scope.strip("`") for route, scope, _ in table(TEXT, "route")}


def _named(parameter: re.Match[str]) -> str:
    return f"{{{_PARAMETERS[parameter[1]]}}}"


def served(archive: Archive) -> dict[str, Any]:
    document = create_app(archive).test_client().get("/api/v1/openapi.json").get_json()
    return {
        f"{method.upper()} {_PARAMETER.sub(_named, path.removeprefix('/api/v1'))}": operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method != "parameters"
    }


def test_every_route_stands_in_the_table(archive: Archive) -> None:
    assert set(routes()) == set(served(archive))


def test_each_route_asks_for_the_scope_that_it_says(archive: Archive) -> None:
    client = create_app(archive).test_client()
    operations = served(archive)
    for route, scope in routes().items():
        method, path = route.split(" ")
        path = f"/api/v1{path}".replace("{id}", "CA-C-0000001-39").replace("{key}", "00ff")
        assert ("security" in operations[route]) == (scope != "none")
        assert (client.open(path, method=method).status_code == 401) == (scope != "none")
        if scope == "none":
            continue
        for scopes, is_let in (({scope}, True), (set(SCOPES) - {scope}, False)):
            token = make_api_key(archive, tuple(scopes), "a test")
            headers = {"Authorization": f"Bearer {token}"}
            status = client.open(path, method=method, headers=headers).status_code
            assert (status != 403) == is_let, route


def test_every_code_that_it_names_has_its_page() -> None:
    named = set(re.findall(r"`([A-Z][A-Z_]{5,})`", TEXT)) - {"DELETE"}
    assert named
    assert [code for code in sorted(named) if problem_type(slug(code)) is None] == []


def test_every_code_of_access_and_idempotency_is_named() -> None:
    kinds = (*errors.AccessDenied.__subclasses__(), *errors.IdempotencyError.__subclasses__())
    assert [kind.code for kind in kinds if f"`{kind.code}`" not in TEXT] == []


def test_the_limits_are_those_of_the_settings() -> None:
    said = re.search(r"(\d+) reads, (\d+) verifications, (\d+) writes", TEXT)
    assert said is not None
    limits = LimitsSettings()
    expected = (
        limits.reads_per_minute,
        limits.verifications_per_minute,
        limits.writes_per_minute,
    )
    assert tuple(map(int, said.groups())) == expected


def test_every_write_takes_an_idempotency_key(archive: Archive) -> None:
    for route, operation in served(archive).items():
        # Who calls off a job twice has called it off.
        is_keyed = "security" in operation and "/jobs/" not in route
        is_write = is_keyed and not route.startswith("GET ")
        named = {item["name"] for item in operation.get("parameters", ())}
        assert (HEADER in named) == is_write, route

# SPDX-License-Identifier: Apache-2.0
"""The whole job with the truth in a real S3 server: nothing but two settings differs."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.archives import page, tables
from support.origin import Origin

from archive.bootstrap import init_archive
from archive.services.capturing.capture import capture
from archive.services.recovery.rebuild import rebuild
from archive.services.upkeep.audit import AuditOptions, audit
from archive.services.verifying.verify import verify_record
from archive.settings import load_settings

pytest_plugins = ("support.seaweed",)


@pytest.mark.parametrize("is_versioned", [False, True])
def test_an_archive_in_s3_captures_verifies_audits_and_rebuilds(
    tmp_path: Path,
    origin: Origin,
    s3_endpoint: str,
    new_bucket: Callable[..., str],
    *,
    is_versioned: bool,
) -> None:
    environment = {
        "MUNIMENT_DATA": str(tmp_path / "data"),
        "MUNIMENT_NETWORK_ALLOW": "127.0.0.0/8",
        "MUNIMENT_STORE_URL": f"s3://{new_bucket(versioned=is_versioned)}/archive",
        "MUNIMENT_STORE_ENDPOINT": s3_endpoint,
    }
    origin.page("/terms", page())
    archive, _ = init_archive(load_settings(environment=environment))
    try:
        first, second = (capture(archive, origin.url("/terms")) for _ in range(2))
        for recorded in (first, second):
            capture_id = recorded.signed.look.capture_id
            assert capture_id is not None
            assert verify_record(archive, capture_id).result.exit_code == 0
        assert capture(archive, origin.url("/missing")).signed.look.capture_id is None
        report = audit(archive, lambda _done, _total: None, AuditOptions("full", None, 1))
        assert (report.records, report.damages, report.unreferenced) == (3, [], [])
        before = tables(archive)
        assert rebuild(archive, lambda _key: None).is_complete
        assert tables(archive) == before
    finally:
        archive.close()
    assert not (tmp_path / "data" / "store").exists()

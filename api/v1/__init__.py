# SPDX-License-Identifier: Apache-2.0
"""`/api/v1`: the JSON API. One file for each resource."""

from api.openapi import ProblemApi
from api.v1 import (
    attestations,
    captures,
    corrections,
    custody,
    grants,
    hashes,
    health,
    jobs,
    keys,
    records,
    redactions,
    restrictions,
    supersessions,
    verifications,
    withdrawals,
)

PREFIX = "/api/v1"


def register(api: ProblemApi) -> None:
    """Serve and document every resource."""
    for resource in (
        captures,
        jobs,
        records,
        restrictions,
        withdrawals,
        supersessions,
        corrections,
        redactions,
        grants,
        custody,
        keys,
        verifications,
        attestations,
        hashes,
        health,
    ):
        api.register_blueprint(resource.blueprint, url_prefix=PREFIX)

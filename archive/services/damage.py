# SPDX-License-Identifier: Apache-2.0
"""What an audit finds wrong with one object, or with what the catalogue says of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Damage:
    """One object that is not what it should be, the claim that says so, and how.

    `is_certain` is false when the object could not be read: that is no proof of damage.
    """

    key: str
    claim: str
    code: str
    detail: str
    is_certain: bool = True

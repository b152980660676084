# SPDX-License-Identifier: Apache-2.0
"""Signed acts on records: withdrawn, superseded, corrected, restricted, redacted, attested."""

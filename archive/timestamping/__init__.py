# SPDX-License-Identifier: Apache-2.0
"""Asks timestamp authorities for tokens (RFC 3161 over HTTP)."""

# SPDX-License-Identifier: Apache-2.0
"""Benches: one module each, run by `python -m tests.bench`."""

# SPDX-License-Identifier: Apache-2.0
"""Tests and benches. A regular package, for other distributions install a `tests` of their own."""

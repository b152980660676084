# SPDX-License-Identifier: Apache-2.0
"""The queues that jobs wait in: short looks apart from work that takes minutes or hours."""

CAPTURES = "captures"
LONG = "long"

# SPDX-License-Identifier: Apache-2.0
"""The queues that jobs wait in: what somebody waits for, apart from work of minutes or hours."""

CAPTURES = "captures"
BATCHES = "batches"
LONG = "long"

# SPDX-License-Identifier: Apache-2.0
"""Durable jobs: work that outlives the process that was asked for it."""

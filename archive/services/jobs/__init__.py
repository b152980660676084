# SPDX-License-Identifier: Apache-2.0
"""Durable work: what can be asked for, who does it, and when it starts by itself."""

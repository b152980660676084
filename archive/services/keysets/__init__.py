# SPDX-License-Identifier: Apache-2.0
"""The life of keys: the first keyset, its successors, rotation, and what is published."""

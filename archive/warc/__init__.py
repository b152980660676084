# SPDX-License-Identifier: Apache-2.0
"""WARC (ISO 28500) records: strict reading, writing, repacking."""

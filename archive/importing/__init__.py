# SPDX-License-Identifier: Apache-2.0
"""Reads the files of other archives: WARC and ARC, record by record, with memory flat."""

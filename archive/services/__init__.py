# SPDX-License-Identifier: Apache-2.0
"""One verb a file: what the archive does, for every door."""

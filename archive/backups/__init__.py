# SPDX-License-Identifier: Apache-2.0
"""The encrypted file that a backup is: `archive/specs/backup.md` as code."""

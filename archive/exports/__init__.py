# SPDX-License-Identifier: Apache-2.0
"""Files that leave the archive and stand on their own."""

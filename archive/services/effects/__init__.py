# SPDX-License-Identifier: Apache-2.0
"""What signed acts do to a record: how it stands, and where its bytes lie or lay."""

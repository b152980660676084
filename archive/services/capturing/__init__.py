# SPDX-License-Identifier: Apache-2.0
"""From a URL to a record: looked at, judged, assembled, and made durable in groups."""

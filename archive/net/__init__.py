# SPDX-License-Identifier: Apache-2.0
"""URL identity, the address guard, and the recording connection."""

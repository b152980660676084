# SPDX-License-Identifier: Apache-2.0
"""Who may do what: API keys, permissions, and requests that are answered once."""

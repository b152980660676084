# SPDX-License-Identifier: Apache-2.0
"""The HTTP door: JSON API, pages, resolver."""

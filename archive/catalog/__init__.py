# SPDX-License-Identifier: Apache-2.0
"""The catalogue database: an index that can be remade from the store."""

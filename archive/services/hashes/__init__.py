# SPDX-License-Identifier: Apache-2.0
"""The hash desk: whose bytes are these, and how do they differ from those on record."""

# SPDX-License-Identifier: Apache-2.0
"""What others captured, taken in: files, packages, indexes and other archives."""

# SPDX-License-Identifier: Apache-2.0
"""The archive's own transparency log: what is logged, published, proven, witnessed and audited."""

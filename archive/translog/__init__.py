# SPDX-License-Identifier: Apache-2.0
"""The transparency log: tiles out of the sequence of leaves, checkpoints, witnesses."""

# SPDX-License-Identifier: Apache-2.0
"""HTTP capture and the classifier of its outcome."""

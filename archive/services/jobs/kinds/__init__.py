# SPDX-License-Identifier: Apache-2.0
"""The kinds of job. One file for each, found by having HANDLER; adding a kind is adding a file."""

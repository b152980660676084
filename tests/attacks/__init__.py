# SPDX-License-Identifier: Apache-2.0
"""Attacks on exhibits, one frozen file each: `bundles/<name>.zip`. `remake` makes them anew."""

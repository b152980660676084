# SPDX-License-Identifier: Apache-2.0
"""One file for each command; its `command` is what `muniment <file name>` runs."""

# SPDX-License-Identifier: Apache-2.0
"""What `muniment doctor` looks at: one file for each check, found by its name."""

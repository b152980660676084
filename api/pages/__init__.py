# SPDX-License-Identifier: Apache-2.0
"""Pages for people. What is shown is prepared here; templates only lay it out."""

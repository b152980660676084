# SPDX-License-Identifier: Apache-2.0
"""From received bytes to the text that people read, by named, frozen recipes."""

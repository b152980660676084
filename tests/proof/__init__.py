# SPDX-License-Identifier: Apache-2.0
"""Long runs that show what the tests can only sample; each prints its figures."""

# SPDX-License-Identifier: Apache-2.0
"""Write-once object stores behind one small interface."""

# SPDX-License-Identifier: Apache-2.0
"""What readers ask for: an ID resolved, a record shown or cited, the bytes of a part."""

# SPDX-License-Identifier: Apache-2.0
"""Muniment: captures web documents, signs what was seen, and lets anyone check it.

The folders are floors, from values up to doors; `archive/specs/` has the formats that an
outsider can implement, and import-linter (pyproject.toml) keeps the floors apart.
"""

__version__ = "0.1.0"

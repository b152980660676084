# SPDX-License-Identifier: Apache-2.0
"""After a crash or a loss: what was reserved is settled, the catalogue is remade."""

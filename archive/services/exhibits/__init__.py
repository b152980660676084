# SPDX-License-Identifier: Apache-2.0
"""What leaves the archive for a court: exhibits and certificates, made and verified."""

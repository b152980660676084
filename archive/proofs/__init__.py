# SPDX-License-Identifier: Apache-2.0
"""What a verifier needs: public keys, envelopes, keysets. Public data only, no network."""

"""Fewer multiplications: small tiles of the image and the filters, transformed (Winograd)."""

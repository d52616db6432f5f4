"""Fewer multiplications: small tiles of the picture and the filters, transformed (Winograd)."""

"""Plain NumPy loops that read like the definition: the reference for all other algorithms."""

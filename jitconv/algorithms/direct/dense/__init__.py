"""Problems that are one product of matrices, of few rows: nothing is packed, and filters are read once."""

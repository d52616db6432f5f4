"""A product of Fourier transforms."""

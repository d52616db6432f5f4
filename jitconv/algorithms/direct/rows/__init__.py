"""NCHW of few channels, by rows: the forward pass and both gradients."""

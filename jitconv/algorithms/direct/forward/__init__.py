"""The forward pass on the register tile."""

"""The gradients on the register tile, and how dx and dw are joined."""

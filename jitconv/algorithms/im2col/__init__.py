"""Every window becomes a row of a matrix, and the op one matrix product."""

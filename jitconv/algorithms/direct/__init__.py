"""Direct convolution and pooling: no column matrix, sums in registers; `variants` lists the ways."""

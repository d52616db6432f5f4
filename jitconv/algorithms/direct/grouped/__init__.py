"""Groups of few filters, a depthwise convolution above all."""

"""Windows that tile the input are a reshape of it."""

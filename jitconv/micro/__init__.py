"""Micro-kernels: one mathematical statement a file, written as LLVM IR on explicit vectors."""

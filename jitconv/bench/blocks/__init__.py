"""Measures sizes of blocks: those of a kind of machine, or those of one machine for a program's problems."""

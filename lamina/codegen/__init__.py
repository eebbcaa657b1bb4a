"""Loops to machine code: LLVM text of kernels, routines and the program around them."""

# The vector kernels of tensor/, compiled once per instruction set.

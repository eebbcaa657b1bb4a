import ctypes, numpy as np
def empty_aligned(shape, dtype):
    n=int(np.prod(shape))*np.dtype(dtype).itemsize
    a=np.empty(n+64,np.uint8); o=-a.ctypes.data%64
    return a[o:o+n].view(dtype).reshape(shape)

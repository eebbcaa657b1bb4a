"""Graph to loops: which values get memory, which share a kernel, how loops are cut, where buffers lie."""

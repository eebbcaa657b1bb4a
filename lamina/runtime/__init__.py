"""What compiled programs stand on while they run: memory, machine code, its cache on disk, worker threads."""

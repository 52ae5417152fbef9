"""Routes, one noun a module. Each is a typed request, declared problems, one service call, and its answer."""

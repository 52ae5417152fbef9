"""Routes, one module for each noun. A route has a typed request, declared problems, one service call, an answer."""

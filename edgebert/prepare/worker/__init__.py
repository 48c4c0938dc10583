"""The process that touches TensorRT while a bundle is prepared; `edgebert.prepare.child` starts it."""

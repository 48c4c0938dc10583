"""TensorRT: what a bundle asks for, the library, engines built from it, and where they are kept.

An engine is tied to the GPU, the driver and the version of TensorRT, so it is never part of a bundle:
`edgebert prepare` builds it on the device, and `edgebert.engines.tensorrt` runs it. Both stand on this package, which
imports TensorRT only where it is used.
"""

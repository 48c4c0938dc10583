"""Build a bundle's TensorRT engine on the device, check it, and keep the faster of INT8 and FP16."""

from edgebert.prepare.life import Options, Prepared, prepare

__all__ = ["Options", "Prepared", "prepare"]

"""Training: fine-tuning and distillation. Read `finetune` first, then `loop`.

It needs what the extra "train" installs.
"""

import importlib.util

from edgebert.errors import MissingExtraError

if importlib.util.find_spec("accelerate") is None:
    raise MissingExtraError("accelerate", "train")

from edgebert.export.train.distill import distill
from edgebert.export.train.distill_settings import Distill
from edgebert.export.train.finetune import Finetune, finetune
from edgebert.export.train.report import Report
from edgebert.export.train.settings import Training
from edgebert.export.train.students import Shape

__all__ = ["Distill", "Finetune", "Report", "Shape", "Training", "distill", "finetune"]

"""Training: fine-tuning and distillation. Read `finetune` first, then `loop`.

It needs what the extra "train" installs.
"""

import importlib.util

from edgebert.errors import MissingExtraError

if importlib.util.find_spec("accelerate") is None:
    raise MissingExtraError("accelerate", "train")

"""Every error that edgebert raises on purpose.

EdgebertError
├── InputError        a text, tensor, argument or input file that cannot be used
├── TokenizerError    a vocabulary or tokenizer file that is broken or not supported
├── CheckpointError   a checkpoint that is missing, broken or of an unsupported architecture
├── BundleError       a bundle that is missing, damaged, hostile or of another format
├── EngineError       an engine that does not exist, is not installed or failed
│   └── EngineUnavailableError  an engine that this machine cannot run as it stands; `load` tries the next
├── VerifyError       a bundle whose answers differ from its golden answers
├── GateError         a model that lost more than it may, or of which that cannot be told
└── MissingExtraError an optional dependency that is not installed; names the pip command

The message is one line: what happened, with the value, and what to do about it.
"""


class EdgebertError(Exception):
    """Base of every error that edgebert raises on purpose."""


class InputError(EdgebertError, ValueError):
    """A text, tensor, argument or input file that cannot be used."""


class TokenizerError(EdgebertError):
    """A vocabulary or tokenizer file that is broken or not supported."""


class CheckpointError(EdgebertError):
    """A checkpoint that is missing, broken or of an unsupported architecture."""


class BundleError(EdgebertError):
    """A bundle that is missing, damaged, hostile or of another format."""


class EngineError(EdgebertError):
    """An engine that does not exist, is not installed or failed."""


class EngineUnavailableError(EngineError):
    """An engine that this machine cannot run as it stands; `load` tries the next one and says why."""


class VerifyError(EdgebertError):
    """A bundle whose answers differ from its golden answers."""


class GateError(EdgebertError):
    """A model that lost more than it may, or of which that cannot be told."""


class MissingExtraError(EdgebertError, ImportError):
    """An optional dependency that is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f'{package} is not installed: pip install "edgebert[{extra}]"')
        self.package = package
        self.extra = extra

"""Groups of options that several verbs share: written once, spread over the options of each verb."""

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any

from edgebert.cli.options import (
    BatchSizeOption,
    EngineOption,
    FileOption,
    InputFormatOption,
    QuietOption,
    TextsArgument,
    ThreadsOption,
)


@dataclasses.dataclass(frozen=True)
class TextSource:
    """Where texts come from."""

    texts: TextsArgument = None
    file: FileOption = None
    input_format: InputFormatOption = None


@dataclasses.dataclass(frozen=True)
class Running:
    """How the engine runs."""

    batch_size: BatchSizeOption = 32
    threads: ThreadsOption = 1
    engine: EngineOption = None
    quiet: QuietOption = False


def spread(verb: Callable[..., None]) -> Callable[..., None]:
    """Return a verb whose parameters are what the command line has: the fields of a group instead of the group."""
    declared = inspect.signature(verb).parameters.values()
    groups: dict[str, Any] = {
        each.name: each.annotation for each in declared if dataclasses.is_dataclass(each.annotation)
    }
    options: list[inspect.Parameter] = []
    for each in declared:
        fields = dataclasses.fields(groups[each.name]) if each.name in groups else ()
        options += [
            inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type)
            for field in fields
        ]
        if each.name not in groups:
            options.append(each.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @functools.wraps(verb)
    def command(**values: object) -> None:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in dataclasses.fields(group)})
        verb(**values)

    command.__annotations__ = {each.name: each.annotation for each in options}
    setattr(command, "__signature__", inspect.Signature(options))  # noqa: B010  (typing does not know the attribute)
    return command

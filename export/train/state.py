"""What a run needs to go on after it was killed, in files that are written beside and renamed."""

import re
from pathlib import Path
from typing import Any

import torch

from edgebert.errors import InputError
from edgebert.files import new_file

State = dict[str, Any]

_NAME = re.compile(r"(state|best)-(\d{9})\.pt")


def save_state(folder: Path, step: int, state: State, best_step: int | None) -> None:
    """Write the state after a step, then remove older states and best weights that it does not refer to."""
    _save(folder / f"state-{step:09d}.pt", state)
    for path in folder.iterdir():
        found = _NAME.fullmatch(path.name)
        if found is not None and int(found[2]) != (step if found[1] == "state" else best_step):
            path.unlink(missing_ok=True)


def load_state(folder: Path) -> State | None:
    """Return the newest state, or None where there is none."""
    found = sorted(folder.glob("state-*.pt"))
    return _load(found[-1]) if found else None


def save_best(folder: Path, step: int, weights: State) -> None:
    """Write the weights of the best evaluation so far; `save_state` removes the one before."""
    _save(folder / f"best-{step:09d}.pt", weights)


def load_best(folder: Path, step: int) -> State:
    """Return the weights that `save_best` wrote at a step."""
    return _load(folder / f"best-{step:09d}.pt")


def _save(path: Path, content: State) -> None:
    with new_file(path) as draft:
        torch.save(content, draft)


def _load(path: Path) -> State:
    try:
        content: State = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and torch raise unrelated classes
        raise InputError(f"{path} cannot be read: delete it to go on from an older state, or train again") from error
    return content

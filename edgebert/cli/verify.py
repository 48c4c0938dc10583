"""`edgebert verify`: does the bundle give the right answers on this machine."""

import dataclasses
import json

import typer

from edgebert import verify as verification
from edgebert.cli.options import BundleArgument, EngineOption, JsonOption, ThreadsOption


def verify(
    bundle: BundleArgument, engine: EngineOption = None, threads: ThreadsOption = 1, as_json: JsonOption = False
) -> None:
    """Check files, token ids and outputs of a bundle on this machine.

    The first difference is reported with exit code 1.
    """
    found = verification.verify(bundle, engine, threads)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(found), indent=1, sort_keys=True))
        return
    typer.echo(f"files    {found.files} as the manifest says")
    typer.echo(f"tokens   {found.tokens} of {found.texts} texts as expected")
    typer.echo(
        f"outputs  {found.outputs} on {found.engine}, largest difference {found.largest_difference:.3g} "
        f"(tolerance {found.tolerance:g})"
    )

"""The command line: one verb a file, answers on stdout, words on stderr.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted. An error is one line; `--debug` shows where it came from.
"""

import dataclasses
import signal
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated, NoReturn, cast

import typer

import edgebert
from edgebert.cli.answer import answer
from edgebert.cli.bench import bench
from edgebert.cli.calibrate import calibrate
from edgebert.cli.classify import classify
from edgebert.cli.compare import compare_students
from edgebert.cli.distill import distill
from edgebert.cli.doctor import doctor
from edgebert.cli.embed import embed
from edgebert.cli.export import export
from edgebert.cli.finetune import finetune
from edgebert.cli.groups import spread
from edgebert.cli.inspect import inspect
from edgebert.cli.lint import lint
from edgebert.cli.prepare import prepare
from edgebert.cli.pretrain import pretrain
from edgebert.cli.tag import tag
from edgebert.cli.vectors import vectors
from edgebert.cli.verify import verify
from edgebert.cli.words import UsageError, say
from edgebert.errors import EdgebertError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
app.command()(export)
app.command()(calibrate)
app.command()(spread(finetune))
app.command()(spread(distill))
app.command("compare-students")(spread(compare_students))
app.command()(spread(pretrain))
app.command()(spread(embed))
app.command()(spread(classify))
app.command()(spread(tag))
app.command()(spread(answer))
app.command()(spread(vectors))
app.command()(bench)
app.command()(inspect)
app.command()(verify)
app.command()(lint)
app.command()(prepare)
app.command()(doctor)

# newer versions of typer carry a copy of click; this is the class of all wrong usage in any of them
_TyperError = cast("type[Exception]", typer.BadParameter.__mro__[1])


@dataclasses.dataclass
class _Settings:
    debug: bool = False


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"edgebert {edgebert.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _edgebert(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback where a verb fails.")] = False,
) -> None:
    """Quantized BERT for edge devices.

    Answers go to stdout, words to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage.
    """
    cast("_Settings", context.obj).debug = debug
    if context.invoked_subcommand is None:
        raise UsageError("name a verb; `edgebert --help` lists them")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit; ``arguments`` are those of the process where it is None."""
    settings = _Settings()
    signal.signal(
        signal.SIGTERM, lambda number, frame: sys.exit(128 + number)
    )  # unfinished files are removed on the way out
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_: say(f"warning: {message}")
            code = typer.main.get_command(app).main(
                args=list(sys.argv[1:] if arguments is None else arguments),
                prog_name="edgebert",
                standalone_mode=False,
                obj=settings,
            )
        sys.stdout.flush()
    except Exception as error:
        if settings.debug:
            raise
        code = _report(error)
    except KeyboardInterrupt:
        code = 130
    if code == 130:
        say("interrupted")
    sys.exit(code if isinstance(code, int) else 0)


def _report(error: Exception) -> int:
    """Say in one line what went wrong and return the exit code."""
    if isinstance(error, (UsageError, _TyperError)):
        say(f"{_message(error)} (--help explains)")
        return 2
    if isinstance(error, typer.Abort):
        return 130
    if isinstance(error, MemoryError):
        say("there is not enough memory: use a smaller --batch-size or split long texts")
    elif isinstance(error, EdgebertError):
        say(str(error))
    elif isinstance(error, OSError):
        say(f"{error.strerror or error}" + (f": {error.filename}" if error.filename else ""))
    else:
        say(f"this is a bug of edgebert, report it with what --debug shows: {type(error).__name__}: {error}")
    return 1


def _message(error: Exception) -> str:
    if isinstance(error, UsageError):
        return str(error)
    message = str(getattr(error, "format_message")()).strip()  # noqa: B009  (a method of click, which has no fixed home)
    return message[:1].lower() + message[1:].rstrip(".")

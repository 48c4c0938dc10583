"""`edgebert answer`: questions and texts to answers."""

from typing import Annotated

import typer

from edgebert.answerer import Answerer
from edgebert.cli.groups import Running
from edgebert.cli.inputs import chunks, questions_from
from edgebert.cli.loading import open_model
from edgebert.cli.options import BundleArgument, FileOption, InputFormatOption, OutputOption
from edgebert.cli.outputs import json_text, opened_output
from edgebert.cli.words import Counter
from edgebert.texts import paired_texts


def answer(
    bundle: BundleArgument,
    run: Running,
    question: Annotated[
        list[str] | None, typer.Option("--question", metavar="TEXT", help="Question; with --context, and repeatable.")
    ] = None,
    context: Annotated[
        str | None, typer.Option("--context", metavar="TEXT", help="The text that holds the answers.")
    ] = None,
    file: FileOption = None,
    input_format: InputFormatOption = None,
    output: OutputOption = None,
    top_k: Annotated[int, typer.Option("--top-k", min=1, help="Answers a question gets, best first.")] = 1,
    max_answer_len: Annotated[int, typer.Option("--max-answer-len", min=1, help="Most tokens of an answer.")] = 15,
    no_answer: Annotated[
        bool, typer.Option("--no-answer", help="An empty answer says that the text does not answer the question.")
    ] = False,
    stride: Annotated[
        int | None, typer.Option("--stride", min=1, help="Tokens that windows of a long context share.")
    ] = None,
) -> None:
    """Answer questions about texts.

    Questions come from --question and --context, or from the columns question and context of a file or of stdin, which
    is then jsonl. Each gives one JSON object a line, in the order of the input: question, answer, score, start and end,
    or question and answers; start and end count characters (code points) of the context. Long contexts are read whole.
    """
    pairs = questions_from(question, context, file, input_format)
    model = open_model(bundle, run, Answerer)
    counter = Counter(model.max_tokens, run.quiet)
    with opened_output(output) as sink:
        for chunk in chunks(pairs):
            questions, contexts = paired_texts(chunk)
            found = model.answer(
                questions,
                contexts,
                top_k,
                max_answer_len=max_answer_len,
                handle_impossible_answer=no_answer,
                doc_stride=stride,
                batch_size=run.batch_size,
            )
            for text, best in zip(questions, found, strict=True):
                row = {"question": text, **best} if isinstance(best, dict) else {"question": text, "answers": best}
                sink.write(f"{json_text(row)}\n".encode())
            counter.add(len(chunk), 0)
    counter.finish()

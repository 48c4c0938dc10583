"""Compare students: export the teacher, train and export each student, test and time all of them together."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import edgebert
from edgebert.accuracy.difference import difference
from edgebert.accuracy.evaluation import Evaluation
from edgebert.accuracy.labelled import read_labelled
from edgebert.bench import Settings as BenchSettings
from edgebert.bench.report import Note
from edgebert.bench.workload import Workload, make_workload
from edgebert.bundle import TOKENIZER, open_bundle
from edgebert.device import this_device
from edgebert.export.chain import Chain, Shows, run_chain
from edgebert.export.checkpoint import Checkpoint, load_checkpoint
from edgebert.export.compare.contenders import Contender, of_bundle, of_table
from edgebert.export.compare.data import check_rows, judged_rows, records_of, write_calibration
from edgebert.export.compare.measure import Marked, Pair, rows_of
from edgebert.export.compare.plan import Plan, Trial, make_plan
from edgebert.export.compare.report import ComparisonReport
from edgebert.export.compare.settings import STATIC, TEACHER, CompareStudents
from edgebert.export.compare.speed import time_answers
from edgebert.export.compare.static import WordVectors, learn_labels, words_of
from edgebert.export.compare.write import write_report
from edgebert.export.train.finetune import token_limit
from edgebert.export.train.report import kept_metric
from edgebert.export.train.sources import training_rows
from edgebert.export.train.tasks.classify import Classify
from edgebert.export.train.tasks.embed import Embed
from edgebert.export.train.workspace import fingerprint, open_workspace, publish_workspace, to_json, workspace_of
from edgebert.texts import Record
from edgebert.tokenizer import Tokenizer

_NO_WEIGHTS = ("output", "resume", "force", "test", "threads", "rounds")  # what decides no student


@dataclasses.dataclass(frozen=True)
class _Job:
    """What every step of a comparison needs."""

    settings: CompareStudents
    plan: Plan
    work: Path
    teacher: Checkpoint
    evaluation: Evaluation
    shows: Shows
    begin: Callable[[str], None]


def compare_students(
    settings: CompareStudents, shows: Shows | None = None, begin: Callable[[str], None] = lambda name: None
) -> ComparisonReport:
    """Train and export a set of students, and compare them with their teacher and with the mean of word vectors.

    Everything that can be wrong with the settings and the data is found before the first student is trained. What is
    finished stays in the workspace beside the output, which gets its name when all of it is there.

    Args:
        settings: what to compare.
        shows: who is told how the stages of each student go, and how far test and timing are (as a benchmark).
        begin: told the name of each row as its work begins.

    Raises:
        EdgebertError: what the stages raise, see `edgebert.export.chain.run_chain`; InputError also where the test data
            does not fit the teacher.
    """
    work = workspace_of(settings.output)
    plan = make_plan(settings, work)
    teacher = load_checkpoint(settings.teacher, "auto", TEACHER)
    rows = judged_rows(settings.test, settings.columns, plan.task)
    evaluation = read_labelled(settings.test, teacher.head, rows)
    job = _Job(settings, plan, work, teacher, evaluation, shows or Shows(), begin)
    _check_data(job)
    open_workspace(settings.output, _decisive(settings, plan), settings.resume)
    first, workload = _teacher(job)
    static = _static(job)
    students = list(_students(job))
    report = _report(job, [first, *students, *([] if static is None else [static])], workload)
    write_report(report, work)
    publish_workspace(settings.output)
    return report


def _check_data(job: _Job) -> None:
    """Read all data once; students may have other unlabelled texts."""
    limit = token_limit(job.plan.folder, job.settings.training)
    for distill in {trial.distill.unlabelled: trial.distill for trial in job.plan.trials}.values():
        check_rows(distill, job.plan.task, job.teacher.tokenizer, limit)
    for _ in _records(job):
        pass


def _decisive(settings: CompareStudents, plan: Plan) -> dict[str, object]:
    """Return everything that decides what the students are."""
    decisive = to_json(settings)
    for name in _NO_WEIGHTS:
        del decisive[name]
    sources = [str(plan.folder), settings.train, settings.dev, settings.calibration]
    for trial in plan.trials:
        texts = trial.distill.prune_vocabulary
        sources += [trial.distill.unlabelled, trial.distill.mlm, None if texts is None else str(texts)]
    decisive["sources"] = [fingerprint(source) for source in dict.fromkeys(sources)]
    return decisive


def _teacher(job: _Job) -> tuple[Marked, Workload]:
    """Export the teacher, let it answer the test data, and choose the texts that are timed."""
    job.begin(TEACHER)
    settings, plan = job.settings, job.plan
    if settings.calibration is None:
        records = records_of(settings.train, settings.columns, plan.task)
        write_calibration(Path(plan.calibration), records, plan.task)
    bundle = plan.teacher.output
    assert bundle is not None  # the plan names it
    if not bundle.is_dir():
        run_chain(Chain(plan.teacher), job.shows)
    parameters = job.teacher.model.num_parameters()
    marked = _marked(job, of_bundle(TEACHER, {}, bundle, parameters, settings.threads))
    marks = marked.marks[0][0]
    difference(job.evaluation.metrics[0], marks, marks)  # says so where the metric is not defined on these texts
    opened = open_bundle(bundle)
    tokenizer = Tokenizer.from_file(opened.file(TOKENIZER))
    limit, sample = opened.manifest.shape.max_tokens, BenchSettings().sample
    return marked, make_workload(_records(job), job.evaluation.source, sample, tokenizer, limit)


def _records(job: _Job) -> Iterator[Record]:
    return records_of(job.settings.test, job.settings.columns, job.plan.task)


def _static(job: _Job) -> Marked | None:
    """Return the row of the word vectors, None where the task has none."""
    task, bundle = job.plan.task, open_bundle(job.work / f"{TEACHER}.bundle")
    if not isinstance(task, (Classify, Embed)):
        return None
    job.begin(STATIC)
    vectors = WordVectors(job.teacher.model.get_input_embeddings().weight.detach().numpy().copy())
    labels = None
    if isinstance(task, Classify):
        words = words_of(Tokenizer.from_file(bundle.file(TOKENIZER)), len(vectors.rows))
        rows = training_rows(job.settings.train, job.settings.columns)
        limit = token_limit(job.plan.folder, job.settings.training)
        labels = learn_labels(vectors, words, task.encode(rows, job.teacher.tokenizer, limit), task)
    return _marked(job, of_table(bundle, vectors, labels, job.settings.threads))


def _students(job: _Job) -> Iterator[Marked]:
    """Train and export every student that is not there yet, and let them answer the test data."""
    for name, several in itertools.groupby(job.plan.trials, lambda trial: trial.student):
        trials = list(several)
        for trial in trials:
            job.begin(name if len(trials) == 1 else f"{name}, seed {trial.seed}")
            _run(trial, job.shows)
        best = max(range(len(trials)), key=lambda at: kept_metric(trials[at].checkpoint))
        contenders = [_contender(job, trial) for trial in trials]
        marks = tuple(_marks(job, contender) for contender in contenders)
        yield Marked(contenders[best], marks, best, trials[best].seed)


def _run(trial: Trial, shows: Shows) -> None:
    """Do what is left to do for a student: all of it, the export alone, or nothing."""
    if trial.bundle.is_dir():
        return
    trained = trial.checkpoint.is_dir()
    run_chain(dataclasses.replace(trial.chain, distill=None) if trained else trial.chain, shows)


def _contender(job: _Job, trial: Trial) -> Contender:
    model = load_checkpoint(str(trial.checkpoint), "auto", trial.student).model
    return of_bundle(trial.student, trial.settings, trial.bundle, model.num_parameters(), job.settings.threads)


def _marked(job: _Job, contender: Contender) -> Marked:
    return Marked(contender, (_marks(job, contender),))


def _marks(job: _Job, contender: Contender) -> Pair:
    """Let a contender answer the test data in both precisions."""
    with job.shows.bench() as progress:
        found = []
        for form in (contender.fp32, contender.int8):
            found.append(job.evaluation.mark(form.open()))
            progress("test", len(found), 2)
    return found[0], found[1]


def _report(job: _Job, marked: list[Marked], workload: Workload) -> ComparisonReport:
    """Time all rows together, and report."""
    settings, evaluation = job.settings, job.evaluation
    opens = [form.open for each in marked for form in (each.contender.fp32, each.contender.int8)]
    with job.shows.bench() as progress:
        times = time_answers(opens, workload.texts, settings.rounds, progress)
    metric = evaluation.metrics[0]
    notes = []
    if marked[-1].contender.name != STATIC:
        notes.append(Note(STATIC, f"the mean of word vectors is of a whole text, and the task is {job.teacher.task}"))
    return ComparisonReport(
        task=job.teacher.task,
        metric=metric.name,
        teacher=job.plan.teacher.name or "",
        test=evaluation.source,
        test_sha256=evaluation.sha256,
        test_texts=len(marked[0].marks[0][0]),
        rows=rows_of(metric, marked, times),
        timed=workload.facts,
        threads=settings.threads,
        rounds=settings.rounds,
        not_measured=tuple(notes),
        device=this_device(),
        edgebert=edgebert.__version__,
    )

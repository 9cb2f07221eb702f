"""Pure: what a Job that is over proves - from its pods and the runner's report, believing neither alone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from medusa_migrations.catalog import version as versions
from medusa_migrations.contract.errors import RefusedError, VerificationError
from medusa_migrations.contract.report import FORMAT, LIMIT, RunState
from medusa_operator.jobs import path
from medusa_operator.jobs.manifests import LEARNED_FROM
from medusa_operator.knowledge import project_reports
from medusa_operator.knowledge.project_reports import ProjectPart
from medusa_operator.resource import names, plain
from medusa_operator.resource.parse import InvalidError
from medusa_operator.resource.reasons import Reason
from medusa_operator.resource.serial import CAMEL, Body, StrictBool, StrictInt
from medusa_operator.resource.status import ProvenPlace

if TYPE_CHECKING:
    from datetime import datetime

    from medusa_migrations.catalog.model import Catalog
    from medusa_operator.resource.workload import Job, Pod, Terminated

SENTENCE = 700
"""Characters of the runner's own sentence that are passed on."""
DIFFERS = VerificationError.exit_code
REFUSED = RefusedError.exit_code
"""The exit code of a refusal that is not asked to be a result."""
NO_SUCH_PROGRAM = (126, 127)
BY_SIGNAL = 128

EXIT_CODES: Mapping[int, tuple[Reason, bool]] = {
    1: (Reason.RUNNER_ERROR, False),
    2: (Reason.RUNNER_USAGE, True),
    3: (Reason.UNSUPPORTED, True),
    4: (Reason.UNREACHABLE, True),
    5: (Reason.ACCESS_DENIED, True),
    6: (Reason.LOCK_HELD, True),
    7: (Reason.MIGRATION_FAILED, False),
    8: (Reason.VERIFICATION_FAILED, False),
    9: (Reason.REFUSED, False),
    129: (Reason.INTERRUPTED, True),
    130: (Reason.INTERRUPTED, True),
    131: (Reason.INTERRUPTED, True),
    143: (Reason.INTERRUPTED, True),
}
"""What an exit code of the runner means, and whether another attempt can help by itself."""

_READABLE = 60
"""Seconds for which a Job that is over must stay, so that nobody wonders where its result went."""
_NOT_STARTED = ("StartError", "ContainerCannotRun")
"""The container runtime's words; its termination message is then that of the runtime."""
_NO_PROGRAM = ("not found", "no such file", "permission denied", "exec format error")
_REFUSALS = {"Downgrade": Reason.DOWNGRADE, "NotAcknowledged": Reason.AWAITING_ACKNOWLEDGEMENT}
_OF_MEDUSA_1 = re.compile(r"1\.[0-9]{1,4}\.[0-9]{1,4}")
_MOST = 2**31 - 1
"""The largest count that is believed, and that the API takes."""


def _cut(most: int) -> AfterValidator:
    return AfterValidator(lambda text: plain.text(text, most))


def _bounded(number: int) -> int:
    return min(max(0, number), _MOST)


def _counts(counts: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """Return at most 24 kinds of rows with at most 8 counts each: more is no report of ours."""
    return {
        plain.text(kind, 32): {plain.text(word, 16): n for word, n in list(each.items())[:8]}
        for kind, each in list(counts.items())[:24]
    }


_Sentence = Annotated[str, _cut(SENTENCE)]
_Tally = Annotated[StrictInt, AfterValidator(_bounded)]
_Counts = Annotated[Mapping[str, Mapping[str, _Tally]], AfterValidator(_counts)]


@dataclass(frozen=True, slots=True)
class SeedReport:
    """What the runner says of a seed."""

    checksum: Annotated[str, _cut(128)] = ""
    """Of the document."""
    counts: _Counts = field(default_factory=dict)
    loaded: StrictBool = True
    skipped: Annotated[str, _cut(256)] = ""
    """Why it loaded nothing, where it did not, and what it asks for is not in the shop."""


@dataclass(frozen=True, slots=True)
class RunReport:
    """What the runner says of its run."""

    __pydantic_config__ = CAMEL

    report: str = ""
    """Its format."""
    run_id: str = ""
    command: str = ""
    engine: str = ""
    """`project` where the shop's own Medusa ran."""
    state: str = ""
    exit_code: StrictInt = -1
    reason: Annotated[str, _cut(64)] = ""
    message: _Sentence = ""
    target: str = ""
    before: Annotated[ProvenPlace | None, Field(alias="provenBefore")] = None
    """Where the database was; None: not reported."""
    proven: ProvenPlace | None = None
    verified: StrictBool | None = None
    differences: Annotated[_Tally, Field(alias="driftCount")] = 0
    """Objects of the schema that are not the target's."""
    migrations: Annotated[_Tally, Field(alias="migrationCount")] = 0
    warnings: tuple[_Sentence, ...] = ()
    deferred: tuple[_Sentence, ...] = ()
    seed: SeedReport = field(default_factory=SeedReport)
    project: Annotated[ProjectPart | None, BeforeValidator(lambda _: None)] = None
    """What only the shop's own Medusa reports; None where it did not run."""


_REPORT = Body(RunReport, "report")
_PROJECT_PART = Body(ProjectPart, "report")


@dataclass(frozen=True, slots=True)
class JobVerdict:
    """How a run ended."""

    success: bool
    finished: datetime
    reason: Reason | None = None
    message: str = ""
    retry: bool = False
    """Whether another attempt can help without a person."""
    exit_code: int | None = None
    report: RunReport | None = None
    """Only one that can be believed."""
    image_id: str = ""
    beside: tuple[str, ...] = ()
    """Containers of the pod that went on after the run had ended."""

    @property
    def refused(self) -> bool:
        """Whether the runner understood, says where the database is, and did nothing."""
        report = self.report
        return report is not None and (self.exit_code == REFUSED or report.state == "refused")


def judge(catalog: Catalog, job: Job, pods: tuple[Pod, ...]) -> JobVerdict:
    """Return the verdict on *job*, which is over, or whose run is.

    A pod that proves success counts even where Kubernetes calls the Job failed; a Job that is called
    complete and whose pod does not prove it is no success; failures of pods that were replaced do
    not count. Nor does a pod that the Job did not make: nobody knows what it ran. Without a pod that
    tells, nothing is guessed.
    """
    mine = [pod for pod in pods if pod.job == job.name and not pod.adopted]
    ended_pods = sorted(((pod, pod.terminated) for pod in mine if pod.terminated), key=_when)
    ended = job.finished or (ended_pods[-1][1].finished if ended_pods else None) or job.created
    succeeded = [(pod, end) for pod, end in ended_pods if end.exit_code == 0]
    if succeeded:
        return _succeeded(catalog, job, *succeeded[-1], ended)
    if job.complete or not ended_pods:
        return _no_pod(job, mine, ended)
    return _failed(job, *ended_pods[-1], ended)


def read(message: str, job: Job, exit_code: int) -> RunReport:
    """Return the report in *message*; raise InvalidError where it cannot be that of this run."""
    if not message:
        raise InvalidError("it left no report")
    if len(message.encode()) > LIMIT:
        raise InvalidError(f"its report is longer than {LIMIT} bytes")
    try:
        body = json.loads(message)
        report = _REPORT.read(body)
        part = _PROJECT_PART.read(body) if report.engine == names.PROJECT else None
    except InvalidError:
        raise
    except (ValueError, RecursionError):
        raise InvalidError("its report is not JSON") from None
    if report.report != FORMAT:
        raise InvalidError(f"its report is not of the format {FORMAT}")
    if report.run_id != job.run_id:
        raise InvalidError("its report is that of another run")
    if report.command != job.command:
        raise InvalidError("its report is that of another command")
    if report.engine != job.engine:
        raise InvalidError("its report is that of another engine")
    if report.state == RunState.RUNNING:
        raise InvalidError("its report is that of a run that has not ended")
    if report.exit_code != exit_code:
        raise InvalidError("its report names another exit code than its container")
    if part is not None:
        return _of_project(report, part, job)
    return replace(report, proven=report.proven and _proven(report.proven))


def _of_project(report: RunReport, part: ProjectPart, job: Job) -> RunReport:
    """Return the report of the shop's own Medusa in the words of all others.

    It proves no place unless nothing is pending. Whether that is so is all that a verification compares; a seed asks it
    beforehand, and proves none.
    """
    done = report.exit_code == 0 and report.state in ("done", "nothing")
    if job.seeds:
        if done:
            project_reports.require_release(part, job.version)
        return replace(report, target=job.version, before=None, proven=None, project=part)
    if done:
        project_reports.require_proof(part, job.version)
    compared = report.exit_code == DIFFERS and report.reason in project_reports.DIFFERENCES
    return replace(
        report,
        target=job.version,
        before=project_reports.place_before(part) if done else None,
        proven=project_reports.place(part) if done else None,
        verified=True if done else False if compared else None,
        differences=0,
        migrations=part.applied_migrations,
        project=part,
    )


def _succeeded(
    catalog: Catalog, job: Job, pod: Pod, end: Terminated, ended: datetime
) -> JobVerdict:
    begins = f"Job {job.name} ended well, but "
    try:
        report = read(end.message, job, 0)
        if report.state == "refused" and job.command == "migrate" and report.reason in LEARNED_FROM:
            return JobVerdict(
                success=False, finished=ended, reason=_REFUSALS.get(report.reason, Reason.REFUSED),
                message=report.message or f"Job {job.name} was refused",
                exit_code=0, report=report, image_id=pod.image_id,
            )  # fmt: skip
        _prove(catalog, job, report)
    except InvalidError as exc:
        return JobVerdict(
            success=False, finished=ended, reason=Reason.RESULT_INVALID, message=f"{begins}{exc}",
            exit_code=0, image_id=pod.image_id,
        )  # fmt: skip
    return JobVerdict(
        success=True, finished=ended, exit_code=0, report=report, image_id=pod.image_id,
        beside=pod.beside if pod.outlived else (),
    )  # fmt: skip


def _prove(catalog: Catalog, job: Job, report: RunReport) -> None:
    if report.state not in ("done", "nothing"):
        raise InvalidError("its report is that of a failure")
    if job.seeds:
        return
    wanted = versions.parse(job.version)
    if report.target != job.version or wanted is None:
        raise InvalidError(f"its report is that of another target than {job.version}")
    if report.verified is False or (job.verifies and not report.verified):
        raise InvalidError("its report says that the schema is not the version's")
    if report.proven is None or not path.fits(catalog, report.proven, wanted):
        raise InvalidError(f"its report does not prove that the database is at {job.version}")


def _no_pod(job: Job, pods: list[Pod], ended: datetime) -> JobVerdict:
    if job.failure == "DeadlineExceeded":
        return JobVerdict(
            success=False, finished=ended, reason=Reason.DEADLINE_EXCEEDED, retry=True,
            message=f"Job {job.name} was ended at its deadline, before it had a result",
        )  # fmt: skip
    if (broken := next((pod for pod in pods if pod.broken), None)) is not None:
        return _broken(broken, ended)
    lost = next((pod for pod in pods if pod.reason or pod.disrupted), None)
    why = f" ({lost.reason or lost.disrupted}: {_clean(lost.message, 200)})" if lost else ""
    if not pods and job.ttl is not None and job.ttl < _READABLE:
        why = (
            f": something in the cluster, such as a policy for Jobs, has set its ttlSecondsAfterFinished to "
            f"{job.ttl}, so that it is gone before it is read; leave out Jobs with the label {names.UID_LABEL}"
        )
    return JobVerdict(
        success=False, finished=ended, reason=Reason.POD_LOST, retry=True,
        message=f"Job {job.name} is over and no pod shows how it ended{why}",
    )  # fmt: skip


def _broken(pod: Pod, ended: datetime) -> JobVerdict:
    """Return the verdict on a run that never began, as an init container failed."""
    assert pod.broken is not None  # noqa: S101  the caller has looked
    name, end = pod.broken
    how = f" ({_clean(end.reason, 64)})" if end.reason not in ("", "Error") else ""
    why = f": {_clean(end.message, 400)}" if end.message else ""
    return JobVerdict(
        success=False, finished=ended, reason=Reason.INIT_CONTAINER_FAILED, retry=True,
        message=f"init container {name} of pod {pod.name} ended with exit code {end.exit_code}{how}{why}",
    )  # fmt: skip


def _failed(job: Job, pod: Pod, end: Terminated, ended: datetime) -> JobVerdict:
    report: RunReport | None = None
    try:
        report = read(end.message, job, end.exit_code)
        doubt = ""
    except InvalidError as exc:
        doubt = str(exc)
    reason, retry = _cause(job, pod, end, report)
    if report is not None and report.message:
        message = report.message
    elif end.reason in _NOT_STARTED:
        message = f"the container of Job {job.name} cannot be started: {_clean(end.message, 300)}"
    else:
        how = f" ({_clean(end.reason, 64)})" if end.reason not in ("", "Error") else ""
        message = f"Job {job.name} ended with exit code {end.exit_code}{how}" + (
            f"; {doubt}" if doubt else ""
        )
    return JobVerdict(
        success=False, finished=ended, reason=reason, message=message, retry=retry,
        exit_code=end.exit_code, report=report, image_id=pod.image_id,
    )  # fmt: skip


def _cause(job: Job, pod: Pod, end: Terminated, report: RunReport | None) -> tuple[Reason, bool]:
    if job.failure == "DeadlineExceeded":
        return Reason.DEADLINE_EXCEEDED, True
    if end.reason in _NOT_STARTED and not any(words in end.message for words in _NO_PROGRAM):
        return Reason.POD_NOT_STARTING, True
    if end.reason in _NOT_STARTED or end.exit_code in NO_SUCH_PROGRAM:
        return Reason.IMAGE_UNUSABLE, False
    if end.reason == "OOMKilled":
        return Reason.OUT_OF_MEMORY, True
    if end.exit_code in EXIT_CODES:
        return _by_exit_code(job, end.exit_code, report)
    if pod.disrupted or pod.reason:
        return Reason.POD_LOST, True
    if end.exit_code > BY_SIGNAL:
        return Reason.KILLED, True
    return Reason.RESULT_INVALID, False


def _by_exit_code(job: Job, code: int, report: RunReport | None) -> tuple[Reason, bool]:
    if report is not None and report.project is not None:
        if job.seeds and report.reason in project_reports.SEED_FAILURES:
            return Reason.SEED_FAILED, False
        meant = project_reports.REASONS.get(report.reason)
        if meant is not None:
            return meant
    reason, retry = EXIT_CODES[code]
    if report is not None and code == REFUSED:
        reason = _REFUSALS.get(report.reason, reason)
    if job.seeds and reason is Reason.MIGRATION_FAILED:
        reason = Reason.SEED_FAILED
    return reason, retry


def _proven(place: ProvenPlace) -> ProvenPlace:
    if place.state not in ("version", "empty", "partial", "unknown"):
        raise InvalidError("its report names no state of the database that is known")
    named = (place.oldest, place.newest, place.at)
    if any(text and not _OF_MEDUSA_1.fullmatch(text) for text in named):
        raise InvalidError("its report names something else than a version of Medusa 1")
    if place.state == "version" and not (place.oldest and place.newest):
        raise InvalidError("its report names no version")
    return ProvenPlace(place.state, *(str(versions.parse(text) or "") for text in named))


def _clean(text: str, most: int) -> str:
    return plain.text(text, most)


def _when(ended: tuple[Pod, Any]) -> tuple[datetime, str]:
    pod, end = ended
    return end.finished or pod.created, pod.name

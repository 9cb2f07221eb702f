"""Pure: reads a status back, as it is stored."""

from __future__ import annotations

from medusa_operator.resource.parse import Field, InvalidError
from medusa_operator.resource.reasons import Reason
from medusa_operator.resource.status import (
    Condition,
    Failure,
    Proven,
    Result,
    Run,
    Seeded,
    Status,
    StepState,
    StepStatus,
    UpgradeNote,
    Verification,
)


def read(body: object) -> Status:
    """Return the status that *body* holds; one that cannot be read counts as lost."""
    try:
        return _read(Field(body, "status"))
    except Exception:  # noqa: BLE001 - whoever wrote it: it is written anew
        return Status()


def _read(status: Field) -> Status:
    return Status(
        observed_generation=status["observedGeneration"].number(-1),
        applied_version=status["appliedVersion"].text(),
        target_version=status["targetVersion"].text(),
        previous_version=status["previousVersion"].text(),
        proven=_proven(status["proven"]),
        configuration=status["configuration"].text(),
        retry_token=status["retryToken"].text(),
        conditions=tuple(_condition(item) for item in status["conditions"].items()),
        steps=tuple(_step(item) for item in status["steps"].items()),
        upgrade_notes=tuple(
            UpgradeNote(
                version=note["version"].text(),
                severity=note["severity"].text(),
                summary=note["summary"].text(),
                actions=note["actions"].texts(),
                url=note["url"].text(),
            )
            for note in status["upgradeNotes"].items()
        ),
        available_versions=status["availableVersions"].texts(),
        history=tuple(_run(item) for item in status["history"].items()),
        attempts=status["attempts"].number(),
        next_retry=status["nextRetryTime"].time(),
        failure=_failure(status["failure"]),
        seed=_seed(status["seed"]),
        verified=_verified(status["verified"]),
        job=status["job"].text(),
        job_uid=status["jobUID"].text(),
        image=status["image"].text(),
        image_id=status["imageID"].text(),
        waiting_since=status["waitingSince"].time(),
        warnings=status["warnings"].texts(),
    )


def _proven(field: Field) -> Proven | None:
    if not field:
        return None
    return Proven(
        state=field["state"].required(),
        oldest=field["from"].text(),
        newest=field["to"].text(),
        at=field["at"].text(),
        reference=field["reference"].text(),
    )


def _condition(field: Field) -> Condition:
    since = field["lastTransitionTime"].time()
    if since is None:
        raise InvalidError(f"{field.path}.lastTransitionTime is missing")
    return Condition(
        type=field["type"].required(),
        status=field["status"].required(),
        reason=field["reason"].text(),
        message=field["message"].text(),
        since=since,
        generation=field["observedGeneration"].number(),
    )


def _step(field: Field) -> StepStatus:
    return StepStatus(
        name=field["name"].required(),
        type=field["type"].required(),
        state=field["state"].member(StepState, StepState.PENDING),
        version=field["version"].text(),
        job=field["job"].text(),
        started=field["startTime"].time(),
        completed=field["completionTime"].time(),
        seconds=_maybe(field["durationSeconds"]),
        migrations=_maybe(field["migrations"]),
    )


def _run(field: Field) -> Run:
    return Run(
        job=field["job"].required(),
        step=field["step"].text(),
        outcome=field["outcome"].text(),
        version=field["version"].text(),
        attempt=field["attempt"].number(1),
        reason=field["reason"].text(),
        exit_code=_maybe(field["exitCode"]),
        started=field["startTime"].time(),
        completed=field["completionTime"].time(),
        migrations=_maybe(field["migrations"]),
        image_id=field["imageID"].text(),
        uid=field["uid"].text(),
    )


def _failure(field: Field) -> Failure | None:
    """Return the failure; one with a reason that this operator does not know is tried anew."""
    if not field or field["reason"].value not in set(Reason):
        return None
    return Failure(
        reason=field["reason"].required(),
        message=field["message"].text(),
        step=field["step"].text(),
        retry=field["retry"].truth(),
        generation=field["generation"].number(),
        token=field["retryToken"].text(),
        exit_code=_maybe(field["exitCode"]),
    )


def _seed(field: Field) -> Seeded | None:
    if not field:
        return None
    return Seeded(
        source=field["source"].text(),
        reference=field["reference"].text(),
        checksum=field["checksum"].text(),
        skipped=field["skipped"].text(),
        time=field["time"].time(),
        counts={
            kind: {
                word: Field(n, word).number() for word, n in Field(counts, kind).mapping().items()
            }
            for kind, counts in field["counts"].mapping().items()
        },
    )


def _verified(field: Field) -> Verification | None:
    """Return what was verified; a failure whose reason this operator does not know is no failure."""
    if not field:
        return None
    failure = field["failure"]
    known = failure["reason"].value in set(Reason)
    return Verification(
        configuration=field["configuration"].text(),
        result=field["result"].member(Result, Result.NOTHING),
        time=field["time"].time(),
        job=field["job"].text(),
        version=field["version"].text(),
        message=field["message"].text(),
        differences=field["differences"].number(),
        reason=failure["reason"].text() if known else "",
        failure=failure["message"].text() if known else "",
        tried=failure["time"].time() if known else None,
        attempts=failure["attempts"].number() if known else 0,
        uid=field["uid"].text(),
        running=field["running"].text(),
        generation=field["generation"].number(),
        token=field["token"].text(),
        retry_token=field["retryToken"].text(),
    )


def _maybe(field: Field) -> int | None:
    return field.number() if field else None

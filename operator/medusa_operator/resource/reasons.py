"""The reasons of conditions and events: one CamelCase word each, with its definition."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Reason(StrEnum):
    """Why a condition has its status; stable, for machines."""

    UP_TO_DATE = "UpToDate"
    NEWER_ACCEPTED = "NewerAccepted"
    SEEDED = "Seeded"
    VERIFIED = "Verified"
    NOT_VERIFIED_YET = "NotVerifiedYet"
    NOT_REQUESTED = "NotRequested"
    SEED_SKIPPED = "SeedSkipped"
    SUSPENDED = "Suspended"
    NOT_SUSPENDED = "NotSuspended"
    NOT_APPLIED = "NotApplied"

    STARTING = "Starting"
    MIGRATING = "Migrating"
    SEEDING = "Seeding"

    QUEUED = "Queued"
    DATABASE_BUSY = "DatabaseBusy"
    AWAITING_ACKNOWLEDGEMENT = "AwaitingAcknowledgement"
    AWAITING_APPROVAL = "AwaitingApproval"
    REFERENCE_MISSING = "ReferenceMissing"
    REFERENCE_FORBIDDEN = "ReferenceForbidden"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    UNSCHEDULABLE = "Unschedulable"
    POD_FORBIDDEN = "PodForbidden"
    POD_NOT_STARTING = "PodNotStarting"
    POD_TERMINATING = "PodTerminating"
    JOB_SUSPENDED = "JobSuspended"
    SIDECAR_RUNNING = "SidecarRunning"
    CANCELLING = "Cancelling"
    DELETING = "Deleting"

    RETRY_SCHEDULED = "RetryScheduled"
    UNREACHABLE = "Unreachable"
    LOCK_HELD = "LockHeld"
    LOCK_LOST = "LockLost"
    INTERRUPTED = "Interrupted"
    POD_LOST = "PodLost"
    JOB_LOST = "JobLost"
    KILLED = "Killed"
    OUT_OF_MEMORY = "OutOfMemory"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    DATABASE_MOVED = "DatabaseMoved"
    JOB_FORBIDDEN = "JobForbidden"
    API_SERVER_ERROR = "ApiServerError"
    INIT_CONTAINER_FAILED = "InitContainerFailed"

    INVALID_SPEC = "InvalidSpec"
    UNKNOWN_VERSION = "UnknownVersion"
    DOWNGRADE = "Downgrade"
    TEMPLATE_REFUSED = "TemplateRefused"
    WORKLOAD_UNUSABLE = "WorkloadUnusable"
    JOB_INVALID = "JobInvalid"
    JOB_NAME_TAKEN = "JobNameTaken"
    IMAGE_UNUSABLE = "ImageUnusable"
    RESULT_INVALID = "ResultInvalid"
    RUNNER_ERROR = "RunnerError"
    RUNNER_USAGE = "RunnerUsage"
    UNSUPPORTED = "Unsupported"
    ACCESS_DENIED = "AccessDenied"
    MIGRATION_FAILED = "MigrationFailed"
    SEED_FAILED = "SeedFailed"
    VERIFICATION_FAILED = "VerificationFailed"
    DRIFTED = "Drifted"
    REFUSED = "Refused"
    MEDUSA_V1_DATABASE = "MedusaV1Database"
    MEDUSA_V2_DATABASE = "MedusaV2Database"
    OTHER_VERSION = "OtherVersion"
    PENDING = "Pending"
    UNFINISHED = "Unfinished"
    NOT_VERIFIED = "NotVerified"
    COMMAND_FAILED = "CommandFailed"
    COMMAND_STALLED = "Stalled"
    TIMED_OUT = "TimedOut"
    NO_PROJECT = "NoProject"
    NO_NODE = "NoNode"
    NO_SCRIPT = "NoScript"
    UNKNOWN_MEDUSA = "UnknownMedusa"
    RETRIES_EXHAUSTED = "RetriesExhausted"


class Category(StrEnum):
    """What a reason means for whoever waits."""

    READY = "done"
    RUNNING = "running"
    WAITING = "waits, goes on by itself"
    GATE = "waits for a person to agree"
    RETRIED = "tried again with backoff"
    STALLED = "stalled, a person has to fix it"
    ASIDE = "says something beside"


@dataclass(frozen=True, slots=True)
class Meaning:
    """The definition of a reason."""

    category: Category
    says: str
    todo: str = ""
    """What a person can do; empty where there is nothing to do."""


_RETRY = "then `kubectl annotate mdb NAME medusadb.dev/retry=$(date +%s) --overwrite`"

MEANINGS: Mapping[str, Meaning] = {
    Reason.UP_TO_DATE: Meaning(
        Category.READY, "The database is proven to be at `spec.version`, and seeded where asked."
    ),
    Reason.NEWER_ACCEPTED: Meaning(
        Category.READY,
        "The database is newer than `spec.version`, and `spec.upgrade.allowOlder` accepts that.",
    ),
    Reason.SEEDED: Meaning(
        Category.READY,
        "The seed document was loaded, or the shop's script has ended with 0 (condition Seeded).",
    ),
    Reason.VERIFIED: Meaning(
        Category.READY,
        "The live schema was compared with the version's and does not differ (condition Verified); "
        "`status.verified` says when, and by which Job.",
    ),
    Reason.NOT_VERIFIED_YET: Meaning(
        Category.ASIDE,
        "What is declared is not applied, or only the ledger says so: the schema was not compared with "
        "the version's yet (condition Verified).",
        "To have it compared now, annotate the resource with a new `medusadb.dev/verify`.",
    ),
    Reason.NOT_REQUESTED: Meaning(Category.ASIDE, "No seed is asked for (condition Seeded)."),
    Reason.SEED_SKIPPED: Meaning(
        Category.ASIDE,
        "The seed document was not loaded, or the shop's script not run: with the policy Once, as the shop was seeded "
        "before or has products (condition Seeded).",
        "To seed it all the same, set `spec.seed.policy` to OnChange.",
    ),
    Reason.SUSPENDED: Meaning(
        Category.ASIDE,
        "`spec.suspend` is true: nothing new is started; a run that goes on is finished.",
        "Set `spec.suspend` to false.",
    ),
    Reason.NOT_SUSPENDED: Meaning(Category.ASIDE, "`spec.suspend` is false (condition Suspended)."),
    Reason.NOT_APPLIED: Meaning(
        Category.ASIDE, "What is declared is not applied, and the resource is suspended."
    ),
    Reason.STARTING: Meaning(Category.RUNNING, "A Job is made, or its pod is about to start."),
    Reason.MIGRATING: Meaning(Category.RUNNING, "A migration Job runs."),
    Reason.SEEDING: Meaning(Category.RUNNING, "A seed Job runs."),
    Reason.QUEUED: Meaning(
        Category.WAITING,
        "As many runs go on as the operator allows at once (`--max-concurrent-runs`); the message "
        "says how many wait before this one.",
    ),
    Reason.DATABASE_BUSY: Meaning(
        Category.WAITING, "Another resource that names the same database has a run going on."
    ),
    Reason.AWAITING_ACKNOWLEDGEMENT: Meaning(
        Category.GATE,
        "The next version on the way has breaking notes that nobody has acknowledged; of a shop's own image, its "
        "migrations drop what has rows, or tables of links are not as its project has them.",
        "Read `status.upgradeNotes` and the message, then add the version, or `links`, to "
        "`spec.upgrade.acknowledged`.",
    ),
    Reason.AWAITING_APPROVAL: Meaning(
        Category.GATE,
        "`spec.upgrade.approval` is Manual and the next step's version is not acknowledged.",
        "Add the version to `spec.upgrade.acknowledged`.",
    ),
    Reason.REFERENCE_MISSING: Meaning(
        Category.WAITING,
        "A Secret, a ConfigMap or a key of one that the run needs is not there; or the workload of "
        "`spec.server.workloadRef`, or its container.",
        "Create it; the run goes on by itself. Or correct the reference.",
    ),
    Reason.REFERENCE_FORBIDDEN: Meaning(
        Category.WAITING,
        "A Secret that the run needs does not carry the annotation `medusadb.dev/allow`, and the operator "
        "asks for it (`--require-secret-annotation`); or the operator has no right to get the workload of "
        "`spec.server.workloadRef`.",
        "`kubectl annotate secret SECRET medusadb.dev/allow=NAME`, by somebody who may change the Secret; or give the "
        "operator the right that the message names (`deploy/rbac`). The run goes on by itself.",
    ),
    Reason.IMAGE_PULL_FAILED: Meaning(
        Category.WAITING,
        "The image of the runner, or of the shop, cannot be pulled; the kubelet keeps trying.",
        "Check `spec.job.image` and the pull secrets in `spec.job.template`; `spec.server.image` and "
        "`spec.server.imagePullSecrets`.",
    ),
    Reason.UNSCHEDULABLE: Meaning(
        Category.WAITING, "No node takes the pod.", "See the message: resources, taints, selectors."
    ),
    Reason.POD_FORBIDDEN: Meaning(
        Category.WAITING,
        "Quota, a limit range, pod security or an admission webhook forbids the Job's pod.",
        "See the message; Kubernetes keeps trying.",
    ),
    Reason.POD_NOT_STARTING: Meaning(
        Category.WAITING,
        "The pod is placed and its container does not start.",
        "See the message. A shop's image that runs as root: name another user in "
        "`spec.job.template.spec.securityContext.runAsUser`.",
    ),
    Reason.POD_TERMINATING: Meaning(
        Category.WAITING,
        "A pod of an earlier run is not gone; two runs at once are never started.",
        "Where its node is lost: delete the pod by force once the node is surely off.",
    ),
    Reason.JOB_SUSPENDED: Meaning(
        Category.WAITING,
        "Somebody suspended the Job (its `spec.suspend`): a queue such as Kueue, or a person.",
        "Resume it where it was suspended; its deadline does not run meanwhile.",
    ),
    Reason.SIDECAR_RUNNING: Meaning(
        Category.WAITING,
        "The run is over and its verdict is stored; another container of the pod goes on, so the Job is "
        "deleted.",
        "Make it an init container with `restartPolicy: Always`, or keep it out of the pod.",
    ),
    Reason.CANCELLING: Meaning(
        Category.WAITING,
        "A Job is taken away before it started, because the resource was changed, or because "
        "somebody deletes it.",
    ),
    Reason.DELETING: Meaning(
        Category.WAITING,
        "The resource is being deleted and waits for its run to end (`spec.deletionPolicy`).",
        "Set `spec.deletionPolicy` to Cancel to end the run at once; it rolls back.",
    ),
    Reason.RETRY_SCHEDULED: Meaning(
        Category.RETRIED,
        "An attempt failed in a way that time may heal (condition Reconciling); the reason of Ready "
        "says which. `status.nextRetryTime` says when.",
        f"To try at once, {_RETRY[5:]}.",
    ),
    Reason.UNREACHABLE: Meaning(
        Category.RETRIED,
        "PostgreSQL refused, was silent, starting or full, or the connection was lost (exit code 4).",
    ),
    Reason.LOCK_HELD: Meaning(
        Category.RETRIED,
        "Another run holds the database's lock, or another session a table, for longer than "
        "`spec.timeouts.lock` (exit code 6); the message says who.",
    ),
    Reason.LOCK_LOST: Meaning(
        Category.RETRIED,
        "The connection that holds the lock was lost while the shop's Medusa ran, and its command was ended, as another "
        "run might have begun (exit code 4).",
    ),
    Reason.INTERRUPTED: Meaning(
        Category.RETRIED,
        "The run was asked to stop; what was not committed is rolled back (exit codes 129 to 131, 143).",
    ),
    Reason.POD_LOST: Meaning(
        Category.RETRIED,
        "The Job is over and no pod shows how it ended; nothing is guessed, it is run again.",
        "Where it happens again and again: see the message, and what removes pods and Jobs that are over, such as a policy "
        "that sets their `ttlSecondsAfterFinished`; five minutes leave time to read them.",
    ),
    Reason.JOB_LOST: Meaning(
        Category.RETRIED, "The Job vanished before its result was read; it is run again."
    ),
    Reason.KILLED: Meaning(Category.RETRIED, "The run was killed and left no result."),
    Reason.OUT_OF_MEMORY: Meaning(
        Category.RETRIED,
        "The run was killed for lack of memory.",
        "Raise `spec.job.resources.limits.memory`.",
    ),
    Reason.DEADLINE_EXCEEDED: Meaning(
        Category.RETRIED,
        "The Job was ended at its `activeDeadlineSeconds`; what was not committed is rolled back.",
        "Raise `spec.job.activeDeadlineSeconds` or `spec.timeouts.run`.",
    ),
    Reason.DATABASE_MOVED: Meaning(
        Category.RETRIED,
        "The run was refused, or a verification found, because the database is not where it was seen "
        "last: another one by that name, or a restored backup; the path is planned anew.",
    ),
    Reason.JOB_FORBIDDEN: Meaning(
        Category.RETRIED,
        "Quota, a missing right, an admission webhook or a policy forbids the Job, or the finalizer that "
        "holds the resource while it runs.",
        "See the message.",
    ),
    Reason.API_SERVER_ERROR: Meaning(
        Category.RETRIED,
        "The API server answered with an error of its own (5xx), mostly as an admission webhook does not "
        "answer.",
        "See the message: fix the webhook, or take its configuration away.",
    ),
    Reason.INIT_CONTAINER_FAILED: Meaning(
        Category.RETRIED,
        "An init container of the pod failed, so that the run never began; the message names it.",
        "Correct it in `spec.job.template`, or where it was injected.",
    ),
    Reason.INVALID_SPEC: Meaning(
        Category.STALLED, "The spec is not valid; the message says what and where.", "Correct it."
    ),
    Reason.UNKNOWN_VERSION: Meaning(
        Category.STALLED,
        "`spec.version` is no version that the operator knows.",
        "Choose one of those in the message, or update the operator.",
    ),
    Reason.DOWNGRADE: Meaning(
        Category.STALLED,
        "The database is newer than `spec.version`; a downgrade would lose data and is not done.",
        "Declare a later version, set `spec.upgrade.allowOlder`, or restore a backup.",
    ),
    Reason.TEMPLATE_REFUSED: Meaning(
        Category.STALLED,
        "`spec.job.template` is malformed, sets a field that the safety of a run depends on, or one that "
        "`--pod-template-policy` does not allow; or `spec.job.serviceAccountName` names a ServiceAccount that "
        "is not free for it.",
        "Correct or remove the field that the message names, or `kubectl label serviceaccount ACCOUNT "
        "medusadb.dev/allow=true`.",
    ),
    Reason.WORKLOAD_UNUSABLE: Meaning(
        Category.STALLED,
        "The workload of `spec.server.workloadRef` has what a run cannot take over: several containers of which none is "
        "named, a volume or a variable that its pod may not have or that an init container makes. It is looked at again "
        "every 30 seconds.",
        "Do what the message says: name the container, or declare the volume in `spec.job.template`, the variable in "
        "`spec.server.env`, which then count instead.",
    ),
    Reason.JOB_INVALID: Meaning(
        Category.STALLED,
        "The API server finds the Job invalid, too large, or knows no such field.",
        "Correct what the message names, mostly in `spec.job`.",
    ),
    Reason.JOB_NAME_TAKEN: Meaning(
        Category.STALLED,
        "A Job of that name is there and belongs to somebody else.",
        f"Delete it, {_RETRY}.",
    ),
    Reason.IMAGE_UNUSABLE: Meaning(
        Category.STALLED,
        "The image has no `medusa-db` that can be started; of a shop's own image, it is of another architecture than the "
        "runner's, or has none at `/medusa-db` with `spec.server.runner` Image.",
        "Correct `spec.job.image`, or `spec.server`.",
    ),
    Reason.RESULT_INVALID: Meaning(
        Category.STALLED,
        "The run left no result that can be believed, twice: none, one of another run, or one that does "
        "not prove the version. Or the definition refuses the status.",
        f"Check `spec.job.image`, {_RETRY}.",
    ),
    Reason.RUNNER_ERROR: Meaning(
        Category.STALLED,
        "The runner failed in a way that it does not know (exit code 1).",
        f"Read the pod's log; report it; {_RETRY}.",
    ),
    Reason.RUNNER_USAGE: Meaning(
        Category.STALLED,
        "The runner was given something it cannot use, mostly the URL in the Secret or the seed "
        "document's key (exit code 2). It is looked at again every 5 minutes.",
        f"Correct it; to be faster, {_RETRY[5:]}.",
    ),
    Reason.UNSUPPORTED: Meaning(
        Category.STALLED,
        "It is not a database that can be worked with: sqlite, a pooler, too old, Medusa v2 "
        "(exit code 3). It is looked at again every 5 minutes.",
        f"Name another one; to be faster, {_RETRY[5:]}.",
    ),
    Reason.ACCESS_DENIED: Meaning(
        Category.STALLED,
        "PostgreSQL answered no: password, right or database is missing (exit code 5). It is looked at "
        "again every 5 minutes.",
        f"Correct it in the Secret or in PostgreSQL; to be faster, {_RETRY[5:]}.",
    ),
    Reason.MIGRATION_FAILED: Meaning(
        Category.STALLED,
        "A migration or data step failed; its transaction was rolled back, what was committed before it stays "
        "(exit code 7).",
        f"Fix what the message names, {_RETRY}.",
    ),
    Reason.SEED_FAILED: Meaning(
        Category.STALLED,
        "The seed failed. One of a document was rolled back (exit code 7); a script of the shop's has left what it had written by "
        "then (exit code 7), or has ended with 0 and could not be recorded (exit code 8).",
        f"Fix the document, the script or what the message names, {_RETRY}. That runs a script again from its beginning.",
    ),
    Reason.VERIFICATION_FAILED: Meaning(
        Category.STALLED,
        "Every migration is applied and the schema is not the version's (exit code 8).",
        f"Fix the objects that the message names, {_RETRY}.",
    ),
    Reason.DRIFTED: Meaning(
        Category.STALLED,
        "Somebody changed the schema of a database that was as declared; the message names the first "
        "differences. It is looked at again after each `spec.verify.interval`.",
        "Undo the change in PostgreSQL, then annotate the resource with a new `medusadb.dev/verify` or "
        "wait for the next look; `medusa-db verify` lists every difference. Where it is meant to be so, "
        "set `spec.verify.interval` to 0s.",
    ),
    Reason.REFUSED: Meaning(
        Category.STALLED,
        "The runner understood and must not do it: rows in the way, tables without a ledger, a "
        "foreign ledger (exit code 9).",
        f"Do what the message says, {_RETRY}.",
    ),
    Reason.MEDUSA_V1_DATABASE: Meaning(
        Category.STALLED,
        "The shop's image has Medusa v2, and the database is one of v1; nothing was run, as v2 would drop prices "
        "and images of it (exit code 9).",
        f"Name an empty database of its own in `spec.database`, or in the Secret, {_RETRY}; data come to v2 as "
        "Medusa's guide from v1 to v2 says.",
    ),
    Reason.MEDUSA_V2_DATABASE: Meaning(
        Category.STALLED,
        "The shop's image has Medusa v1, and the database is one of v2; nothing was run (exit code 9).",
        f"Name the database of the v1 shop in `spec.database`, or in the Secret, {_RETRY}.",
    ),
    Reason.OTHER_VERSION: Meaning(
        Category.STALLED,
        "The shop's image has another version of Medusa installed than `spec.version` says; the message names both, "
        "and nothing was run (exit code 9).",
        "Declare the version that the image has, or the image that has the version.",
    ),
    Reason.PENDING: Meaning(
        Category.STALLED,
        "The commands of the shop's Medusa ended with 0, and what its project wants is not in the database, which the "
        "message names: up to 2.11.1 a migration that fails ends with 0 (exit code 8). Of a seed: it was there beforehand, and "
        "nothing was run (exit code 9).",
        f"Read the pod's log for what failed; fix it, {_RETRY}.",
    ),
    Reason.UNFINISHED: Meaning(
        Category.STALLED,
        "A migration script of the shop was begun and has not come to its end; Medusa before 2.21 never runs it again "
        "(exit code 8). `status.unfinished` names it.",
        "Delete its row from `script_migrations` to have it run again, or set its `finished_at` to skip it, "
        f"{_RETRY}.",
    ),
    Reason.NOT_VERIFIED: Meaning(
        Category.STALLED,
        "The project in the shop's image cannot be asked what it wants, so that nothing was run, or nothing proves what "
        "a run did (exit code 8).",
        f"Fix what the message names, mostly a variable that the shop's configuration needs: `spec.server.env`, "
        f"`spec.server.envFrom` or `spec.server.workloadRef`; {_RETRY}.",
    ),
    Reason.COMMAND_FAILED: Meaning(
        Category.STALLED,
        "A command of the shop's Medusa failed; the message has its exit code and the last line of its output "
        "(exit code 7).",
        f"Read the pod's log, fix what failed, {_RETRY}.",
    ),
    Reason.COMMAND_STALLED: Meaning(
        Category.STALLED,
        "A command of the shop's Medusa did nothing for longer than `spec.timeouts.stall`, neither in the database nor in "
        "its output, and was ended (exit code 7).",
        f"It may have asked a question: see the message and the pod's log. Where it takes so long, raise "
        f"`spec.timeouts.stall`; else fix it, {_RETRY}.",
    ),
    Reason.TIMED_OUT: Meaning(
        Category.STALLED,
        "A command of the shop's Medusa ran longer than `spec.timeouts.run` and was ended (exit code 7).",
        f"Raise `spec.timeouts.run`, or see in the pod's log what took so long, {_RETRY}.",
    ),
    Reason.NO_PROJECT: Meaning(
        Category.STALLED,
        "There is no Medusa project in the folder of the shop's image where it was looked for, or its command line is not "
        "installed (exit code 2).",
        "Name the folder that has `medusa-config` and `node_modules` in `spec.server.workingDir`.",
    ),
    Reason.NO_NODE: Meaning(
        Category.STALLED,
        "There is no Node in the shop's image where it was looked for (exit code 2).",
        "Name its path in `spec.server.node`.",
    ),
    Reason.NO_SCRIPT: Meaning(
        Category.STALLED,
        "The shop's image has no such script to be seeded by in the folder of its project, or in its package.json (exit code 2).",
        "Name it in `spec.seed` as the image has it, mostly `./src/scripts/seed.js`.",
    ),
    Reason.UNKNOWN_MEDUSA: Meaning(
        Category.STALLED,
        "The shop's image has a Medusa newer than v2, whose commands the runner does not know (exit code 3).",
        "Update the operator.",
    ),
    Reason.RETRIES_EXHAUSTED: Meaning(
        Category.STALLED,
        "As many attempts failed as `spec.retry.limit` allows, where it is set.",
        f"Fix what the message names, {_RETRY}.",
    ),
}

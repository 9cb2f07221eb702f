"""Pure: what an operator must never do, whatever is done to it: history -> violations."""

from __future__ import annotations

import re
import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chaos_history import History, JobSeen, Memory, PodSeen

PATIENCE = 40.0
"""Seconds after a trouble in which a replica may still end for want of its Lease."""
WARM = 20.0
"""Seconds after which a process has taken the memory that it needs."""
GROWTH = 1.15
"""How much more memory the last third of the time may need than the second."""

LOOKS = "verify"
"""How the step of a run is called that changes nothing, and is made again and again."""
_VERSION = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that must not be."""

    rule: str
    about: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.about}"


def violations(history: History) -> list[Violation]:
    """Return everything in *history* that must not be."""
    return [Violation(rule, about) for rule, check in RULES.items() for about in check(history)]


def overlapping_runs(history: History) -> Iterator[str]:
    """Two runs never go on at once on one database."""
    jobs = {job.uid: job for job in history.jobs}
    by_database: dict[str, list[PodSeen]] = defaultdict(list)
    for pod in history.pods:
        if pod.began and pod.job in jobs and pod.uid not in history.tampered:
            _, database = history.owners.get(jobs[pod.job].owner, (("", ""), ""))
            if database:
                by_database[database].append(pod)
    for database, pods in by_database.items():
        pods.sort(key=lambda pod: pod.began)
        for number, pod in enumerate(pods):
            for later in pods[number + 1 :]:
                if not pod.over or later.began < pod.over:
                    yield (
                        f"pods {pod.name} ({pod.began} to {pod.over or 'the end'}) and {later.name} "
                        f"({later.began}) ran at once on {database}"
                    )


def migrations_run_twice(history: History) -> Iterator[str]:
    """No migration is applied, or recorded, twice."""
    for database in history.databases:
        told = Counter(name for run in database.runs for name in run.migrations)
        for where, names in (("ledger", Counter(database.ledger)), ("history", told)):
            for name, times in names.items():
                if times > 1:
                    yield f"{name} is {times} times in the {where} of {database.name}"


def broken_chains(history: History) -> Iterator[str]:
    """Each run of a database begins where the one before it ended."""
    for database in history.databases:
        for before, after in pairwise(database.runs):
            if after.migrations and not (
                before.partial or after.partial or _is_within(before.after, after.before)
            ):
                yield (
                    f"{database.name} was at {before.after}, and the run of {after.pod} to "
                    f"{after.after} began at {after.before}"
                )


def wrong_versions(history: History) -> Iterator[str]:
    """A resource says Ready only where its database is at that version."""
    for look in history.looks:
        if look.claimed not in look.possible:
            yield (
                f"{'/'.join(look.key)} said Ready at {look.claimed} while {look.database} was at "
                f"{' or '.join(look.possible) or 'no version'}"
            )


def verdicts_without_a_run(history: History) -> Iterator[str]:
    """Each verdict is that of a Job that was there, and a success that of a pod that succeeded."""
    jobs: dict[tuple[str, str], set[str]] = defaultdict(set)
    for job in history.jobs:
        jobs[job.owner, job.name].add(job.uid)
    succeeded = {pod.job for pod in history.pods if pod.exit_code == 0}
    told: set[tuple[str, str, str]] = set()
    for verdict in history.verdicts:
        key = history.owners.get(verdict.owner, (("?", verdict.owner), ""))[0]
        about = (verdict.owner, verdict.job, verdict.outcome)
        if about in told:
            continue
        told.add(about)
        uids = jobs.get((verdict.owner, verdict.job))
        if uids is None:
            yield f"{'/'.join(key)}: {verdict.outcome} of Job {verdict.job}, which never was"
        elif verdict.outcome == "Succeeded" and not uids & succeeded:
            yield f"{'/'.join(key)}: Job {verdict.job} is said to have succeeded, none of its pods did"


def names_used_twice(history: History) -> Iterator[str]:
    """No Job of a resource has the name of one that has run.

    But for one of which nobody is left who knew: it was gone before a status named it, and so was the
    replica that had seen it.
    """
    ran = {pod.job for pod in history.pods if pod.began or pod.exit_code is not None}
    made: dict[tuple[str, str, str], list[JobSeen]] = defaultdict(list)
    for job in sorted(history.jobs, key=lambda job: job.born):
        if job.uid in ran:
            made[job.owner, job.namespace, job.name].append(job)
    for (_, namespace, name), jobs in made.items():
        if any(_was_known(history, *pair) for pair in pairwise(jobs)):
            yield f"Job {namespace}/{name} was made {len(jobs)} times"


def _was_known(history: History, job: JobSeen, later: JobSeen) -> bool:
    """Return whether a status, or a replica without any trouble, knew of *job* when *later* was made."""
    if job.named and job.named < later.born:
        return True
    ends = [*history.kills, *(exit_.at for exit_ in history.exits)]
    return not (
        any(job.at <= at <= later.at for at in ends)
        or any(t.since <= later.at and t.until >= job.at for t in history.troubles)
    )


def runs_without_a_cause(history: History) -> Iterator[str]:
    """What has succeeded is not run again, unless somebody has changed something."""
    succeeded = {
        (verdict.owner, verdict.job): verdict.at
        for verdict in reversed(history.verdicts)
        if verdict.outcome == "Succeeded"
    }
    latest: dict[tuple[str, tuple[str, ...]], float] = {}
    for job in sorted(history.jobs, key=lambda job: job.born):
        key, _ = history.owners.get(job.owner, (("", ""), ""))
        if job.purpose[0].startswith(LOOKS):
            continue
        since = latest.get((job.owner, job.purpose))
        affected = [
            t for t in history.touches if t.key == key and since and since <= t.at <= job.at
        ]
        if since is not None and not affected:
            yield f"{'/'.join(key)}: Job {job.name} runs {job.purpose[0]} again, though nothing changed"
        if (job.owner, job.name) in succeeded:
            latest[job.owner, job.purpose] = job.at


def runs_without_an_end(history: History) -> Iterator[str]:
    """Each Job has an end."""
    for job in history.jobs:
        if not job.ended:
            yield f"Job {job.namespace}/{job.name} has not ended"


def runs_without_a_job(history: History) -> Iterator[str]:
    """Each run that a database tells of is that of a pod of ours."""
    ours = {pod.name for pod in history.pods}
    for database in history.databases:
        for run in database.runs:
            if run.pod and run.pod not in ours:
                yield f"{database.name} was brought to {run.after} by {run.pod}, which is no pod of ours"


def exits_by_itself(history: History) -> Iterator[str]:
    """A replica ends only when it is killed, or in time when it cannot keep its Lease."""
    for end in history.exits:
        if not ("Lease" in end.last and _excused(history, end.replica, end.at)):
            yield f"replica {end.replica} ended by itself with {end.code}: {end.last}"


def defects_logged(history: History) -> Iterator[str]:
    """No log tells of a defect of the operator."""
    yield from history.defects


def deletions_without_an_end(history: History) -> Iterator[str]:
    """What is deleted goes away without anybody's help."""
    yield from history.stuck


def never_ready(history: History) -> Iterator[str]:
    """In the end everything is as declared, and said to be so."""
    for final in history.finals:
        where = "/".join(final.key)
        if not final.ready.startswith("True") or not final.current:
            of = "" if final.current else " of an earlier generation"
            yield f"{where} is Ready={final.ready}{of} in the end: {final.message}"
        elif final.possible is not None and final.wanted not in final.possible:
            at = " or ".join(final.possible) or "no version"
            yield f"{where} is Ready at {final.wanted} in the end, and its database is at {at}"


def memory_grows(history: History) -> Iterator[str]:
    """A leader needs no more memory as time goes by."""
    second, third = thirds(history.memory)
    if second and third > GROWTH * second:
        yield f"{third / 2**20:.1f} MB in the last third of the time, {second / 2**20:.1f} MB before"


def thirds(samples: tuple[Memory, ...]) -> tuple[float, float]:
    """Return the median memory of warm leaders in the second and in the last third; 0, 0: too few."""
    if not samples:
        return 0.0, 0.0
    start, end = samples[0].at, samples[-1].at
    parts: list[list[int]] = [[], [], []]
    for sample in samples:
        if sample.leads and sample.age >= WARM:
            third = min(2, int(3 * (sample.at - start) / max(1e-9, end - start)))
            parts[third].append(sample.rss)
    if min(len(parts[1]), len(parts[2])) < 3:
        return 0.0, 0.0
    return statistics.median(parts[1]), statistics.median(parts[2])


RULES: dict[str, Callable[[History], Iterator[str]]] = {
    "two runs at once": overlapping_runs,
    "a migration twice": migrations_run_twice,
    "a broken chain": broken_chains,
    "a wrong version": wrong_versions,
    "a verdict without a run": verdicts_without_a_run,
    "a Job's name used twice": names_used_twice,
    "a run without a cause": runs_without_a_cause,
    "a run without an end": runs_without_an_end,
    "a run without a Job": runs_without_a_job,
    "the operator ended": exits_by_itself,
    "a defect was logged": defects_logged,
    "stuck in deletion": deletions_without_an_end,
    "not ready in the end": never_ready,
    "memory grows": memory_grows,
}
"""Every rule, by the words with which its violations are reported."""


def _excused(history: History, replica: str, at: float) -> bool:
    return any(
        trouble.replica in ("", replica) and trouble.since <= at <= trouble.until + PATIENCE
        for trouble in history.troubles
    )


def _is_within(version: str, told: str) -> bool:
    """Return whether *version* is what was *told*: a version, or a range such as `1.3.0 to 1.3.3`."""
    ends = [_numbers(word) for word in _VERSION.findall(told)]
    if not ends or not _VERSION.fullmatch(version):  # `empty`, `partial`
        return version == told
    return min(ends) <= _numbers(version) <= max(ends)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))

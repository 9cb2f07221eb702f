"""Pure: whether a run's pod may use the Secrets and the ServiceAccount that it refers to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medusa_operator.resource.model import Refusal, TemplatePolicy
from medusa_operator.resource.names import GROUP
from medusa_operator.resource.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from medusa_operator.resource.model import Settings

ALLOW = f"{GROUP}/allow"
"""Label or annotation of a Secret or ServiceAccount: `true`, `*`, or the names of resources with commas."""
SECRETS, ACCOUNTS = "secrets", "serviceaccounts"
_NAMED = ("secretKeyRef", "secretRef", "nodePublishSecretRef")


@dataclass(frozen=True, slots=True)
class Reference:
    """An object of the resource's namespace that a pod uses."""

    plural: str
    name: str


def asked_for(job: Mapping[str, Any], settings: Settings) -> list[Reference]:
    """Return what the pod of *job* refers to and *settings* let nobody use without its owner's word."""
    pod = job["spec"]["template"]["spec"]
    found: list[Reference] = []
    account = pod.get("serviceAccountName") or "default"
    if settings.template_policy is TemplatePolicy.RESTRICTED and account != "default":
        found.append(Reference(ACCOUNTS, account))
    if settings.require_secret_annotation:
        found += [Reference(SECRETS, name) for name in sorted(set(secrets(pod)))]
    return found


def secrets(value: Any) -> Iterator[str]:
    """Yield the name of every Secret that a pod's spec, or a part of one, refers to."""
    if isinstance(value, list):
        for item in value:
            yield from secrets(item)
        return
    if not isinstance(value, dict):
        return
    for key, below in value.items():
        if key == "imagePullSecrets" and isinstance(below, list):
            yield from (str(item.get("name")) for item in below if isinstance(item, dict))
        elif key in _NAMED and isinstance(below, dict):
            yield str(below.get("name"))
        elif key == "secret" and isinstance(below, dict):
            yield str(below.get("secretName") or below.get("name"))
        else:
            yield from secrets(below)


def refused(
    reference: Reference, metadata: Mapping[str, Any] | None, resource: str
) -> Refusal | None:
    """Return why the resource named *resource* may not use *reference*, whose metadata is given."""
    name = reference.name
    if metadata is not None and _allows(metadata, resource):
        return None
    if reference.plural == ACCOUNTS:
        if metadata is None:
            return Refusal(Reason.REFERENCE_MISSING, f"ServiceAccount {name} is not there")
        return Refusal(
            Reason.TEMPLATE_REFUSED,
            f"spec.job.serviceAccountName {name} is not allowed: a ServiceAccount other than default must "
            f'carry the label {ALLOW}: "true". Leave it out, or let somebody who may change the '
            f"ServiceAccount label it",
        )
    if metadata is None:
        return Refusal(Reason.REFERENCE_MISSING, f"the run waits: Secret {name} is not there")
    return Refusal(
        Reason.REFERENCE_FORBIDDEN,
        f"the run waits: Secret {name} does not carry the annotation {ALLOW}, and the operator asks for it. "
        f"Somebody who may change the Secret can say so: kubectl annotate secret {name} {ALLOW}={resource}",
    )


def unseen(reference: Reference, why: str) -> Refusal:
    """Return the refusal where the API server does not show us the metadata of *reference*."""
    return Refusal(
        Reason.REFERENCE_FORBIDDEN,
        f"the operator cannot see whether {reference.plural}/{reference.name} may be used: {why}"[
            :700
        ],
    )


def _allows(metadata: Mapping[str, Any], resource: str) -> bool:
    allowed = [str((metadata.get(kind) or {}).get(ALLOW, "")) for kind in ("labels", "annotations")]
    names = {name.strip() for text in allowed for name in text.split(",")}
    return bool(names & {"true", "*", resource})

{{/* What the operator may do where it looks. No right on Secrets, unless their annotation is asked for. */}}
{{- define "medusa-db-operator.rules" -}}
# the resources: followed; a finalizer is put on and taken off
- apiGroups: [medusadb.dev]
  resources: [medusadatabases]
  verbs: [get, list, watch, patch]
- apiGroups: [medusadb.dev]
  resources: [medusadatabases/status]
  verbs: [update]
# asked for by the admission plugin OwnerReferencesPermissionEnforcement, where it is on
- apiGroups: [medusadb.dev]
  resources: [medusadatabases/finalizers]
  verbs: [update]
# runs
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
# their results, and what keeps them from starting
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [events]
  verbs: [list]
# the checksum of a seed document
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
# what a run takes over where spec.server.workloadRef names one
- apiGroups: [apps]
  resources: [deployments, statefulsets]
  verbs: [get]
# whether the owner of a namespace lets a resource use another ServiceAccount than default
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [get]
{{- if .Values.requireSecretAnnotation }}
# whether a Secret carries the annotation medusadb.dev/allow; RBAC cannot limit this to metadata
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
{{- end }}
# what `kubectl describe` shows
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}

{{- define "medusa-db-operator.subjects" -}}
- kind: ServiceAccount
  name: {{ include "medusa-db-operator.serviceAccountName" . | quote }}
  namespace: {{ .Release.Namespace | quote }}
{{- end }}

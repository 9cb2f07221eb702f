{{/* Names, labels and images. */}}

{{- define "medusa-db-hook.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/*
Release and chart; only one of them where its name holds the other's, but of an alias, as there may be several. Without what not
every object's name may have: dots, and the capitals of an alias. Cut so that a step, a version and a hash still fit behind it; what
is cut ends with a hash, as the next release may begin like it.
*/}}
{{- define "medusa-db-hook.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- $full := printf "%s-%s" .Release.Name $name }}
{{- if and (contains $name .Release.Name) (eq .Chart.Name "medusa-db-hook") }}
{{- $full = .Release.Name }}
{{- else if hasPrefix (printf "%s-" .Release.Name) $name }}
{{- $full = $name }}
{{- end }}
{{- $full = default $full .Values.fullnameOverride | lower | replace "." "-" | replace "_" "-" }}
{{- if gt (len $full) 32 }}
{{- $full = printf "%s-%s" ($full | trunc 25 | trimAll "-") ($full | sha256sum | trunc 6) }}
{{- end }}
{{- $full }}
{{- end }}

{{/*
What this chart makes beside Jobs, of hooks and of a release, has names that do not meet: Helm takes over nothing that
a hook of it made, and a release that has hooks by now would remove what they just made.
*/}}
{{- define "medusa-db-hook.ownName" -}}
{{- include "medusa-db-hook.fullname" . }}{{ .Values.hook.enabled | ternary "" "-release" }}
{{- end }}

{{/* The Secret and the ConfigMap that this chart makes of values. */}}
{{- define "medusa-db-hook.ownSecret" -}}
{{- printf "%s-database" (include "medusa-db-hook.ownName" .) }}
{{- end }}

{{- define "medusa-db-hook.ownConfigMap" -}}
{{- printf "%s-seed" (include "medusa-db-hook.ownName" .) }}
{{- end }}

{{- define "medusa-db-hook.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "medusa-db-hook.ownName" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "medusa-db-hook.selectorLabels" -}}
app.kubernetes.io/name: {{ include "medusa-db-hook.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* A version as a label may hold it: no build behind a +, and not too long. */}}
{{- define "medusa-db-hook.labelValue" -}}
{{- regexReplaceAll "[^A-Za-z0-9]+$" (. | replace "+" "_" | trunc 63) "" | quote }}
{{- end }}

{{- define "medusa-db-hook.labels" -}}
{{ include "medusa-db-hook.selectorLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
app.kubernetes.io/part-of: medusa-database-operator
app.kubernetes.io/version: {{ include "medusa-db-hook.labelValue" .Chart.AppVersion }}
helm.sh/chart: {{ include "medusa-db-hook.labelValue" (printf "%s-%s" .Chart.Name .Chart.Version) }}
{{- end }}

{{- define "medusa-db-hook.image" -}}
{{- with .Values.image }}
{{- if .digest }}
{{- printf "%s@%s" .repository .digest }}
{{- else }}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Names, labels and images. */}}

{{- define "medusa-db-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/*
Release and chart; only one of them where its name holds the other's, as a release `medusa-db` does not stutter, but of an alias, as
there may be several. Without dots and capitals, which a Service may not have. What is cut ends with a hash, as the next release may
begin like it.
*/}}
{{- define "medusa-db-operator.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- $full := printf "%s-%s" .Release.Name $name }}
{{- if and (contains $name .Release.Name) (eq .Chart.Name "medusa-db-operator") }}
{{- $full = .Release.Name }}
{{- else if hasPrefix (printf "%s-" .Release.Name) $name }}
{{- $full = $name }}
{{- end }}
{{- $full = default $full .Values.fullnameOverride | lower | replace "." "-" | replace "_" "-" }}
{{- if gt (len $full) 46 }}
{{- $full = printf "%s-%s" ($full | trunc 39 | trimAll "-") ($full | sha256sum | trunc 6) }}
{{- end }}
{{- $full }}
{{- end }}

{{/* The same in every namespace where roles do not belong to one. */}}
{{- define "medusa-db-operator.clusterName" -}}
{{- $full := include "medusa-db-operator.fullname" . }}
{{- ternary $full (printf "%s-%s" .Release.Namespace $full) (eq .Release.Namespace $full) }}
{{- end }}

{{/* A Service's name begins with a letter before Kubernetes 1.36. */}}
{{- define "medusa-db-operator.serviceName" -}}
{{- $full := include "medusa-db-operator.fullname" . }}
{{- regexMatch "^[0-9]" $full | ternary "s-" "" }}{{ $full }}-metrics
{{- end }}

{{- define "medusa-db-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "medusa-db-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name: name the ServiceAccount that exists, or set serviceAccount.create" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "medusa-db-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "medusa-db-operator.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* A version as a label may hold it: no build behind a +, and not too long. */}}
{{- define "medusa-db-operator.labelValue" -}}
{{- regexReplaceAll "[^A-Za-z0-9]+$" (. | replace "+" "_" | trunc 63) "" | quote }}
{{- end }}

{{- define "medusa-db-operator.labels" -}}
{{ include "medusa-db-operator.selectorLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
app.kubernetes.io/part-of: medusa-database-operator
app.kubernetes.io/version: {{ include "medusa-db-operator.labelValue" .Chart.AppVersion }}
helm.sh/chart: {{ include "medusa-db-operator.labelValue" (printf "%s-%s" .Chart.Name .Chart.Version) }}
{{- end }}

{{- define "medusa-db-operator.image" -}}
{{- with .Values.image }}
{{- if .digest }}
{{- printf "%s@%s" .repository .digest }}
{{- else }}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) }}
{{- end }}
{{- end }}
{{- end }}

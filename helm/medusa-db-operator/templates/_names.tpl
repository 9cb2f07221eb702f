{{/* Names, labels and images. */}}

{{- define "medusa-db-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Release and chart; only one of them where its name holds the other's, as a release `medusa-db` does not stutter. */}}
{{- define "medusa-db-operator.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- $full := printf "%s-%s" .Release.Name $name }}
{{- if contains $name .Release.Name }}
{{- $full = .Release.Name }}
{{- else if hasPrefix (printf "%s-" .Release.Name) $name }}
{{- $full = $name }}
{{- end }}
{{- default $full .Values.fullnameOverride | trunc 46 | trimSuffix "-" }}
{{- end }}

{{/* The same in every namespace where roles do not belong to one. */}}
{{- define "medusa-db-operator.clusterName" -}}
{{- $full := include "medusa-db-operator.fullname" . }}
{{- ternary $full (printf "%s-%s" .Release.Namespace $full) (eq .Release.Namespace $full) }}
{{- end }}

{{- define "medusa-db-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "medusa-db-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name: name the ServiceAccount that exists, or set serviceAccount.create" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "medusa-db-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "medusa-db-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "medusa-db-operator.labels" -}}
{{ include "medusa-db-operator.selectorLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: medusa-database-operator
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
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

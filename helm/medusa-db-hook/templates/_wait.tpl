{{/*
The init container of the shop's server: it waits, bounded, read-only and without any right on the
Kubernetes API, until the database is at the version. In the pod template of the chart that depends on
this one:

    initContainers:
      {{- include "medusa-db-hook.wait" . | nindent 6 }}
    volumes:
      {{- include "medusa-db-hook.volumes" . | nindent 6 }}
*/}}
{{- define "medusa-db-hook.wait" -}}
{{- include "medusa-db-hook.scoped" (dict "scope" . "template" "medusa-db-hook.waitContainer") }}
{{- end }}

{{/* Include a template with the scope of this chart, also where a chart that depends on it asks. */}}
{{- define "medusa-db-hook.scoped" -}}
{{- $scope := default .scope (get (default dict .scope.Subcharts) "medusa-db-hook") }}
{{- if not (hasKey $scope.Values "dataSteps") }}
{{- fail "medusa-db-hook: give the chart's own scope where it has an alias: include \"medusa-db-hook.wait\" (index .Subcharts \"ALIAS\")" }}
{{- end }}
{{- include "medusa-db-hook.check" $scope }}
{{- include .template $scope | trim }}
{{- end }}

{{- define "medusa-db-hook.waitContainer" -}}
- name: wait-for-database
  image: {{ include "medusa-db-hook.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  args:
    - wait
    - --for={{ .Values.version }}
    - --timeout={{ .Values.wait.timeout }}
    {{- if .Values.wait.allowNewer }}
    - --allow-newer
    {{- end }}
    {{- include "medusa-db-hook.databaseArgs" . | nindent 4 }}
    {{- with include "medusa-db-hook.flagArgs" . | trim }}
    {{- . | nindent 4 }}
    {{- end }}
  resources:
    {{- toYaml .Values.wait.resources | nindent 4 }}
  {{- include "medusa-db-hook.initContainer" . | nindent 2 }}
{{- end }}

{{/* An init container that migrates in the pod of the shop's server itself; `job.enabled` is false then. */}}
{{- define "medusa-db-hook.migrate" -}}
{{- include "medusa-db-hook.scoped" (dict "scope" . "template" "medusa-db-hook.migrateContainer") }}
{{- end }}

{{- define "medusa-db-hook.migrateContainer" -}}
- name: migrate-database
  image: {{ include "medusa-db-hook.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  args:
    {{- include "medusa-db-hook.migrateArgs" . | trim | nindent 4 }}
  resources:
    {{- toYaml .Values.job.resources | nindent 4 }}
  {{- include "medusa-db-hook.initContainer" . | nindent 2 }}
{{- end }}

{{/* What both have in common. */}}
{{- define "medusa-db-hook.initContainer" -}}
env:
  {{- include "medusa-db-hook.env" (dict "scope" . "optional" false) | trim | nindent 2 }}
{{- with include "medusa-db-hook.mounts" . | trim }}
volumeMounts:
  {{- . | nindent 2 }}
{{- end }}
{{- with .Values.job.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
terminationMessagePolicy: FallbackToLogsOnError
{{- end }}

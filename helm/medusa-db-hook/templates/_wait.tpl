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
{{- if not .Values.version }}
{{- fail "version: set it to the shop's Medusa version where its pods wait (medusa-db-hook.wait): the init container asks the database for a version" }}
{{- end }}
- name: wait-for-database
  image: {{ include "medusa-db-hook.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  args:
    - wait
    - --for={{ .Values.version }}
    - --timeout={{ .Values.wait.timeout }}
    {{- if and .Values.wait.allowNewer (eq (include "medusa-db-hook.major" .) "1") }}
    - --allow-newer
    {{- end }}
    {{- include "medusa-db-hook.databaseArgs" . | nindent 4 }}
    {{- with include "medusa-db-hook.flagArgs" . | trim }}
    {{- . | nindent 4 }}
    {{- end }}
  resources:
    {{- toYaml .Values.wait.resources | nindent 4 }}
  {{- include "medusa-db-hook.initContainer" (dict "scope" . "shop" false) | nindent 2 }}
{{- end }}

{{/* The init containers that migrate in the pod of the shop's server itself; `job.enabled` is false then. */}}
{{- define "medusa-db-hook.migrate" -}}
{{- include "medusa-db-hook.scoped" (dict "scope" . "template" "medusa-db-hook.migrateContainer") }}
{{- end }}

{{- define "medusa-db-hook.migrateContainer" -}}
{{- $shop := not (empty .Values.server.image) }}
{{- if include "medusa-db-hook.carried" . }}
{{ include "medusa-db-hook.install" . | trim }}
{{- end }}
- name: migrate-database
  {{- include "medusa-db-hook.program" (dict "scope" . "shop" $shop) | trim | nindent 2 }}
  args:
    {{- include "medusa-db-hook.migrateArgs" . | trim | nindent 4 }}
  {{- include "medusa-db-hook.initContainer" (dict "scope" . "shop" $shop) | nindent 2 }}
{{- end }}

{{/* What both have in common. */}}
{{- define "medusa-db-hook.initContainer" -}}
env:
  {{- include "medusa-db-hook.env" (dict "scope" .scope "optional" false "shop" .shop) | trim | nindent 2 }}
{{- $mounts := list }}
{{- if .shop }}
{{- if include "medusa-db-hook.carried" .scope }}
{{- $mounts = append $mounts (include "medusa-db-hook.carriedMount" .scope) }}
{{- end }}
{{- $mounts = append $mounts (dict "name" "medusa-db-tmp" "mountPath" "/tmp" | list | toYaml) }}
{{- end }}
{{- with append $mounts (include "medusa-db-hook.mounts" .scope | trim) | compact }}
volumeMounts:
  {{- join "\n" . | nindent 2 }}
{{- end }}
{{- with .scope.Values.job.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
terminationMessagePolicy: FallbackToLogsOnError
{{- end }}

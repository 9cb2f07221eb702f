{{/* The runner in a container: how it finds the database, and with which options it runs. */}}

{{/* Refuse values that contradict each other, in a sentence. */}}
{{- define "medusa-db-hook.check" -}}
{{- include "medusa-db-hook.checkVersion" . }}
{{- include "medusa-db-hook.checkServer" . }}
{{- include "medusa-db-hook.checkOwn" . }}
{{- with .Values.database }}
{{- if and .url .urlSecret.name }}
{{- fail "database: set url or urlSecret.name, not both" }}
{{- else if and .password .passwordSecret.name }}
{{- fail "database: set password or passwordSecret.name, not both" }}
{{- else if and .ca (or .caSecret.name .caConfigMap.name) }}
{{- fail "database: set ca, caSecret.name or caConfigMap.name, and only one of them" }}
{{- end }}
{{- end }}
{{- with include "medusa-db-hook.database" . | fromYaml }}
{{- if and .urlSecret.name .host }}
{{- fail "database: set urlSecret.name or host, not both" }}
{{- else if not (or .urlSecret.name .host) }}
{{- fail "database: set urlSecret.name to the Secret that holds the database's URL, or host, name, user and passwordSecret" }}
{{- else if and .host (not (and .name .user)) }}
{{- fail "database: host needs name and user beside it" }}
{{- else if and .urlSecret.name (or .name .user .passwordSecret.name) }}
{{- fail "database: name, user and passwordSecret belong to host; the URL in urlSecret has its own" }}
{{- end }}
{{- if and .caSecret.name .caConfigMap.name }}
{{- fail "database: set caSecret.name or caConfigMap.name, not both" }}
{{- end }}
{{- end }}
{{- if .Values.seed.enabled }}
{{- with .Values.seed }}
{{- $sources := compact (list .document .configMap.name .secret.name .script .npmScript) }}
{{- if gt (len $sources) 1 }}
{{- fail "seed: set configMap.name, secret.name, document, script or npmScript, and only one of them" }}
{{- else if not $sources }}
{{- fail "seed: set configMap.name or secret.name to what holds the seed document, document to the document itself, or script to the file of the shop's own image that medusa exec runs" }}
{{- else if and .args (not .script) (not .npmScript) }}
{{- fail "seed.args: they are what a script is given; set script or npmScript, or leave them out" }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Refuse what takes the place of something that this chart sets. */}}
{{- define "medusa-db-hook.checkOwn" -}}
{{- $taken := list "MEDUSA_DB_FROM_SECRETS" }}
{{- range include "medusa-db-hook.variables" (dict "scope" . "optional" false "shop" true) | fromYamlArray }}
{{- if has .name $taken }}
{{- fail (printf "job.extraEnv: %s is set by this chart, of database, or stands there twice; leave it out" .name) }}
{{- end }}
{{- $taken = append $taken .name }}
{{- end }}
{{- $named := list }}
{{- range .Values.server.env }}
{{- if has .name $taken }}
{{- fail (printf "server.env: %s is set by this chart, of database and job.extraEnv; leave it out" .name) }}
{{- else if has .name $named }}
{{- fail (printf "server.env: %s stands there twice; leave one of them out" .name) }}
{{- end }}
{{- $named = append $named .name }}
{{- end }}
{{- range .Values.job.extraVolumes }}
{{- if has .name (list "tmp" "seed" "medusa-db" "medusa-db-ca" "medusa-db-tmp") }}
{{- fail (printf "job.extraVolumes: %s is a volume of this chart; choose another name" .name) }}
{{- end }}
{{- end }}
{{- range list "name" "instance" "component" }}
{{- if hasKey (default dict $.Values.job.podLabels) (printf "app.kubernetes.io/%s" .) }}
{{- fail (printf "job.podLabels: app.kubernetes.io/%s is set by this chart; leave it out" .) }}
{{- end }}
{{- end }}
{{- end }}

{{/* The values of the database, with the names of the Secret that this chart makes of values. */}}
{{- define "medusa-db-hook.database" -}}
{{- $own := include "medusa-db-hook.ownSecret" . }}
{{- $found := deepCopy .Values.database }}
{{- range $value, $key := dict "url" "DATABASE_URL" "password" "password" "ca" "ca.crt" }}
{{- if get $found $value }}
{{- $_ := set $found (printf "%sSecret" $value) (dict "name" $own "key" $key) }}
{{- end }}
{{- end }}
{{- toYaml (omit $found "url" "password" "ca") }}
{{- end }}

{{/* Which of `variables`, and which files, come from Secrets, so that the runner repeats none of them. */}}
{{- define "medusa-db-hook.fromSecrets" -}}
{{- $found := list }}
{{- $all := "" }}
{{- if .shop }}
{{- range .scope.Values.server.envFrom }}
{{- with .secretRef }}{{ $all = default .name $all }}{{ end }}
{{- end }}
{{- end }}
{{- if $all }}
{{- $found = append $found (printf "*=%s" $all) }}
{{- end }}
{{- range .variables }}
{{- $key := dig "valueFrom" "secretKeyRef" (dict) . }}
{{- if $key }}
{{- $found = append $found (printf "%s=%s/%s" .name $key.name $key.key) }}
{{- else if $all }}
{{- $found = append $found (printf "%s=" .name) }}
{{- end }}
{{- end }}
{{- with .scope.Values.seed }}
{{- if and .enabled .secret.name }}
{{- $found = append $found (printf "/etc/medusa/seed/%s=%s/%s" .secret.key .secret.name .secret.key) }}
{{- end }}
{{- end }}
{{- join "," $found }}
{{- end }}

{{/*
The environment of `scope`. With `optional` a Secret that is missing keeps no pod from starting: the runner
names it. With `shop` it is that of the shop's own image.
*/}}
{{- define "medusa-db-hook.env" -}}
{{- $variables := include "medusa-db-hook.variables" . | fromYamlArray }}
{{- if .shop }}
{{- $variables = concat $variables (default list .scope.Values.server.env) }}
{{- end }}
{{- with include "medusa-db-hook.fromSecrets" (dict "scope" .scope "variables" $variables "shop" .shop) }}
- name: MEDUSA_DB_FROM_SECRETS
  value: {{ . | quote }}
{{- end }}
{{ toYaml $variables }}
{{- end }}

{{/* The variables of this chart itself. */}}
{{- define "medusa-db-hook.variables" -}}
{{- $optional := ternary ", optional: true" "" .optional }}
{{- $shop := .shop }}
{{- with .scope }}
- name: MEDUSA_DB_CALLER
  value: helm
{{- with include "medusa-db-hook.database" . | fromYaml }}
{{- if .urlSecret.name }}
- name: DATABASE_URL
  valueFrom:
    secretKeyRef: {name: {{ .urlSecret.name | quote }}, key: {{ .urlSecret.key | quote }}{{ $optional }}}
{{- else }}
- name: DATABASE_URL
  value: "postgresql://"
- name: PGHOST
  value: {{ .host | quote }}
- name: PGPORT
  value: {{ .port | quote }}
- name: PGDATABASE
  value: {{ .name | quote }}
- name: PGUSER
  value: {{ .user | quote }}
{{- with .passwordSecret }}
{{- if .name }}
- name: PGPASSWORD
  valueFrom:
    secretKeyRef: {name: {{ .name | quote }}, key: {{ .key | quote }}{{ $optional }}}
{{- end }}
{{- end }}
{{- end }}
{{- with .sslMode }}
- name: PGSSLMODE
  value: {{ . | quote }}
{{- end }}
{{- if or .caSecret.name .caConfigMap.name }}
- name: PGSSLROOTCERT
  value: /etc/medusa/ca/ca.crt
{{- if $shop }}
- name: NODE_EXTRA_CA_CERTS
  value: /etc/medusa/ca/ca.crt
{{- end }}
{{- end }}
{{- end }}
- name: POD_NAME
  valueFrom:
    fieldRef: {fieldPath: metadata.name}
- name: POD_NAMESPACE
  valueFrom:
    fieldRef: {fieldPath: metadata.namespace}
{{- with .Values.job.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}

{{/* An argument as it is: Kubernetes would put variables in place of `$(...)`. */}}
{{- define "medusa-db-hook.argument" -}}
{{- . | replace "$" "$$" | quote }}
{{- end }}

{{/* What every command that reads a shop's database understands. */}}
{{- define "medusa-db-hook.databaseArgs" -}}
- --connect-wait={{ .Values.timeouts.connect }}
{{- with .Values.database.schema }}
- {{ include "medusa-db-hook.argument" (printf "--schema=%s" .) }}
{{- end }}
{{- end }}

{{- define "medusa-db-hook.flagArgs" -}}
{{- range $flag, $on := .Values.featureFlags }}
- --flag={{ $flag }}={{ $on }}
{{- end }}
{{- end }}

{{- define "medusa-db-hook.mounts" -}}
{{- with include "medusa-db-hook.database" . | fromYaml }}
{{- if or .caSecret.name .caConfigMap.name }}
- name: medusa-db-ca
  mountPath: /etc/medusa/ca
  readOnly: true
{{- end }}
{{- end }}
{{- with .Values.job.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The volumes behind medusa-db-hook.mounts: a pod with the init container needs them too. */}}
{{- define "medusa-db-hook.volumes" -}}
{{- include "medusa-db-hook.scoped" (dict "scope" . "template" "medusa-db-hook.podVolumes") }}
{{- end }}

{{- define "medusa-db-hook.podVolumes" -}}
{{- if and .Values.server.image (not .Values.job.enabled) }}
{{- if include "medusa-db-hook.carried" . }}
{{ include "medusa-db-hook.carriedVolume" . }}
{{- end }}
- name: medusa-db-tmp
  emptyDir: {}
{{- end }}
{{ include "medusa-db-hook.ownVolumes" . | trim }}
{{- end }}

{{- define "medusa-db-hook.ownVolumes" -}}
{{- with include "medusa-db-hook.database" . | fromYaml }}
{{- if .caSecret.name }}
- name: medusa-db-ca
  secret:
    secretName: {{ .caSecret.name | quote }}
    items: [{key: {{ .caSecret.key | quote }}, path: ca.crt}]
{{- else if .caConfigMap.name }}
- name: medusa-db-ca
  configMap:
    name: {{ .caConfigMap.name | quote }}
    items: [{key: {{ .caConfigMap.key | quote }}, path: ca.crt}]
{{- end }}
{{- end }}
{{- with .Values.job.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The shop's own image: its container, how the runner comes into it, and which values go with it. */}}

{{/* Whether the Medusa of this major version runs; the version may be unknown. */}}
{{- define "medusa-db-hook.major" -}}
{{- (.Values.version | default "" | splitList ".") | first }}
{{- end }}

{{/* Refuse a version that this chart cannot bring a database to. */}}
{{- define "medusa-db-hook.checkVersion" -}}
{{- if not .Values.server.image }}
{{- if not .Values.version }}
{{- fail "version: set the Medusa server version that the database is to be at, such as \"1.20.11\"; or set server.image to the shop's own image, whose Medusa migrates" }}
{{- else if ne (include "medusa-db-hook.major" .) "1" }}
{{- fail (printf "version: %s is no Medusa v1, whose migrations the runner has; set server.image to the shop's own image, whose Medusa migrates" .Values.version) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Refuse values that have no meaning with the shop's own image, or without it. */}}
{{- define "medusa-db-hook.checkServer" -}}
{{- $v := .Values }}
{{- $v1 := eq (include "medusa-db-hook.major" .) "1" }}
{{- if $v.server.image }}
{{- range $name, $given := dict "baseline" $v.baseline "upgrade.stops" $v.upgrade.stops "upgrade.transaction" (eq $v.upgrade.transaction "Each") "dataSteps.skip" $v.dataSteps.skip "dataSteps.extra" $v.dataSteps.extra }}
{{- if $given }}
{{- fail (printf "%s: it has no meaning with server.image, where the shop's own Medusa migrates; leave it out" $name) }}
{{- end }}
{{- end }}
{{- if and $v.featureFlags (not $v1) }}
{{- fail "featureFlags: Medusa v2 has none here, and the shop's own Medusa reads those of v1 from server.env (MEDUSA_FF_...); leave them out, or set version to the v1 version for which the init container waits" }}
{{- end }}
{{- if and (eq (include "medusa-db-hook.seedBy" .) "document") (not $v1) }}
{{- fail "seed: a seed document is for Medusa v1 (set version, where it is one); a shop of v2 is seeded by a script of its own image: name it in seed.script, such as ./src/scripts/seed.js" }}
{{- else if and $v.seed.enabled $v.seed.script $v1 }}
{{- fail "seed.script: Medusa v1 has no medusa exec; seed from a document, or name a script of package.json in seed.npmScript" }}
{{- end }}
{{- if and $v1 (eq $v.server.links "All") }}
{{- fail "server.links: Medusa v1 has no tables of links; leave it out" }}
{{- else if and $v1 (not $v.server.scripts) }}
{{- fail "server.scripts: Medusa v1 has no migration scripts; leave it out" }}
{{- end }}
{{- else }}
{{- if eq (include "medusa-db-hook.seedBy" .) "script" }}
{{- fail "seed: script and npmScript are of the shop's own image; set server.image, or seed from a document" }}
{{- end }}
{{- with $v.server }}
{{- range $name, $given := dict "workingDir" .workingDir "runner" (eq .runner "Image") "imagePullSecrets" .imagePullSecrets "env" .env "envFrom" .envFrom "links" (eq .links "All") "scripts" (not .scripts) "node" .node }}
{{- if $given }}
{{- fail (printf "server.%s: it belongs to the shop's own image; set server.image" $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- if has "links" $v.upgrade.acknowledged }}
{{- fail "upgrade.acknowledged: `links` is for the shop's own Medusa; set server.image, or leave it out" }}
{{- end }}
{{- end }}
{{- end }}

{{/* Whether the runner is copied into the pod. */}}
{{- define "medusa-db-hook.carried" -}}
{{- and (not (empty .Values.server.image)) (eq .Values.server.runner "Carried") | ternary "true" "" }}
{{- end }}

{{/* The init container that copies it. */}}
{{- define "medusa-db-hook.install" -}}
- name: install-medusa-db
  image: {{ include "medusa-db-hook.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  args: [install, /medusa-db]
  volumeMounts:
    - name: medusa-db
      mountPath: /medusa-db
  resources:
    {{- toYaml .Values.wait.resources | nindent 4 }}
  {{- with .Values.job.securityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  terminationMessagePolicy: FallbackToLogsOnError
{{- end }}

{{- define "medusa-db-hook.carriedVolume" -}}
- name: medusa-db
  emptyDir: {sizeLimit: 200Mi}
{{- end }}

{{- define "medusa-db-hook.carriedMount" -}}
- name: medusa-db
  mountPath: /medusa-db
  readOnly: true
{{- end }}

{{/* What runs in which image: the shop's, or the runner's where there is none or `runner` wants it. */}}
{{- define "medusa-db-hook.program" -}}
{{- if .shop }}
image: {{ .scope.Values.server.image | quote }}
imagePullPolicy: {{ .scope.Values.server.imagePullPolicy }}
command: [/medusa-db/bin/medusa-db]
{{- with .scope.Values.server.workingDir }}
workingDir: {{ . | quote }}
{{- end }}
{{- with .scope.Values.server.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
resources:
  {{- toYaml .scope.Values.server.resources | nindent 2 }}
{{- else }}
image: {{ include "medusa-db-hook.image" .scope | quote }}
imagePullPolicy: {{ .scope.Values.image.pullPolicy }}
resources:
  {{- toYaml .scope.Values.job.resources | nindent 2 }}
{{- end }}
{{- end }}

{{/* How commands of the shop's own Medusa run. */}}
{{- define "medusa-db-hook.projectArgs" }}
{{- if not .Values.server.scripts }}
- --no-scripts
{{- end }}
{{- with .Values.server.node }}
- {{ include "medusa-db-hook.argument" (printf "--node=%s" .) }}
{{- end }}
- --stall={{ .Values.timeouts.stall }}
{{- end }}

{{/*
A Job that runs the runner once: `scope`, `component`, `args` and, where there are, `mounts`, `volumes`, whether it runs
in the `shop`'s own image, and the seconds `within` which it must be over. Its name holds the version, where one is
named, and a hash of all it is:
whatever changes is another Job. One that is no hook is another with every revision of the release: Helm
would leave one that has failed as it is.
*/}}
{{- define "medusa-db-hook.job" -}}
{{- $spec := include "medusa-db-hook.jobSpec" . | trim }}
{{- $revision := .scope.Values.hook.enabled | ternary "" (toString .scope.Release.Revision) }}
{{- $hash := printf "%s%s" $spec $revision | sha256sum | trunc 8 }}
{{- with .scope }}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ compact (list (include "medusa-db-hook.fullname" .) $.component (.Values.version | default "" | replace "." "-") $hash) | join "-" | quote }}
  namespace: {{ .Release.Namespace | quote }}
  labels:
    {{- include "medusa-db-hook.labels" . | nindent 4 }}
    app.kubernetes.io/component: {{ $.component }}
  {{- if .Values.hook.enabled }}
  annotations:
    helm.sh/hook: {{ join "," .Values.hook.events }}
    helm.sh/hook-weight: {{ add .Values.hook.weight $.after | quote }}
    helm.sh/hook-delete-policy: before-hook-creation
    helm.sh/hook-output-log-policy: hook-failed
  {{- end }}
{{- end }}
spec:
  {{- $spec | nindent 2 }}
{{- end }}

{{- define "medusa-db-hook.jobSpec" -}}
{{- with .scope }}
{{- $carried := and $.shop (include "medusa-db-hook.carried" . | eq "true") }}
backoffLimit: {{ empty $.within | ternary .Values.job.backoffLimit 1 }}
activeDeadlineSeconds: {{ default .Values.job.activeDeadlineSeconds $.within }}
{{- if and .Values.hook.enabled (not (kindIs "invalid" .Values.job.ttlSecondsAfterFinished)) }}
ttlSecondsAfterFinished: {{ .Values.job.ttlSecondsAfterFinished }}
{{- end }}
podReplacementPolicy: Failed
podFailurePolicy:
  rules:
    - action: Ignore
      onPodConditions: [{type: DisruptionTarget}]
    {{- range $carried | ternary (list $.component "install-medusa-db") (list $.component) }}
    - action: FailJob
      onExitCodes: {containerName: {{ . }}, operator: In, values: [1, 2, 3, 5, 7, 8, 9]}
    {{- end }}
template:
  metadata:
    labels:
      {{- include "medusa-db-hook.selectorLabels" . | nindent 6 }}
      app.kubernetes.io/component: {{ $.component }}
      {{- with merge (dict) (default dict .Values.job.podLabels) (include "medusa-db-hook.meshLabels" . | fromYaml) }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    {{- with merge (dict) (default dict .Values.job.podAnnotations) (include "medusa-db-hook.meshAnnotations" . | fromYaml) }}
    annotations:
      {{- toYaml . | nindent 6 }}
    {{- end }}
  spec:
    restartPolicy: Never
    automountServiceAccountToken: false
    serviceAccountName: {{ include "medusa-db-hook.serviceAccountName" . | quote }}
    terminationGracePeriodSeconds: 60
    {{- with .Values.job.podSecurityContext }}
    securityContext:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with concat (default list .Values.imagePullSecrets) (default list ($.shop | ternary .Values.server.imagePullSecrets list)) }}
    imagePullSecrets:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with .Values.job.priorityClassName }}
    priorityClassName: {{ . | quote }}
    {{- end }}
    {{- with .Values.job.nodeSelector }}
    nodeSelector:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with .Values.job.tolerations }}
    tolerations:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with .Values.job.affinity }}
    affinity:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- $waits := and (eq $.component "seed") (not .Values.hook.enabled) }}
    {{- if or $waits $carried }}
    initContainers:
      {{- if $waits }}
      {{- include "medusa-db-hook.waitContainer" . | trim | nindent 6 }}
      {{- end }}
      {{- if $carried }}
      {{- include "medusa-db-hook.install" . | trim | nindent 6 }}
      {{- end }}
    {{- end }}
    containers:
      - name: {{ $.component }}
        {{- include "medusa-db-hook.program" (dict "scope" . "shop" $.shop) | trim | nindent 8 }}
        args:
          {{- $.args | nindent 10 }}
        env:
          {{- include "medusa-db-hook.env" (dict "scope" . "optional" (and .Values.hook.enabled (not .Values.hook.waitForSecret)) "shop" $.shop) | trim | nindent 10 }}
        volumeMounts:
          - name: tmp
            mountPath: /tmp
          {{- range list ($carried | ternary (include "medusa-db-hook.carriedMount" .) "") (include "medusa-db-hook.mounts" .) (default "" $.mounts) }}
          {{- with trim . }}
          {{- . | nindent 10 }}
          {{- end }}
          {{- end }}
        {{- with .Values.job.securityContext }}
        securityContext:
          {{- toYaml . | nindent 10 }}
        {{- end }}
        terminationMessagePolicy: FallbackToLogsOnError
    volumes:
      - name: tmp
        emptyDir: {}
      {{- range list ($carried | ternary (include "medusa-db-hook.carriedVolume" .) "") (include "medusa-db-hook.ownVolumes" .) (default "" $.volumes) }}
      {{- with trim . }}
      {{- . | nindent 6 }}
      {{- end }}
      {{- end }}
{{- end }}
{{- end }}

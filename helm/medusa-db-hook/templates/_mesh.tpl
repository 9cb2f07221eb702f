{{/* How a pod asks each service mesh for no proxy. */}}

{{- define "medusa-db-hook.meshAnnotations" -}}
{{- if not .Values.job.injectSidecars }}
sidecar.istio.io/inject: "false"
linkerd.io/inject: disabled
consul.hashicorp.com/connect-inject: "false"
kuma.io/sidecar-injection: disabled
{{- end }}
{{- end }}

{{- define "medusa-db-hook.meshLabels" -}}
{{- if not .Values.job.injectSidecars }}
sidecar.istio.io/inject: "false"
kuma.io/sidecar-injection: disabled
{{- end }}
{{- end }}

{{/*
Annotations for the pod template of the shop's server in a mesh: an init container runs before the proxy
does, so that what it sends to the database must not go through it.
*/}}
{{- define "medusa-db-hook.podAnnotations" -}}
{{- include "medusa-db-hook.scoped" (dict "scope" . "template" "medusa-db-hook.directPort") }}
{{- end }}

{{- define "medusa-db-hook.directPort" -}}
traffic.sidecar.istio.io/excludeOutboundPorts: {{ .Values.database.port | quote }}
config.linkerd.io/skip-outbound-ports: {{ .Values.database.port | quote }}
consul.hashicorp.com/transparent-proxy-exclude-outbound-ports: {{ .Values.database.port | quote }}
traffic.kuma.io/exclude-outbound-ports: {{ .Values.database.port | quote }}
{{- end }}

{{/* Refuse values that contradict each other, or what the chart sets, in a sentence. */}}
{{- define "medusa-db-operator.check" -}}
{{- if eq (int .Values.metrics.port) (int .Values.health.port) }}
{{- fail (printf "metrics.port and health.port are both %d; choose another one for either" (int .Values.health.port)) }}
{{- end }}
{{- $taken := list }}
{{- range include "medusa-db-operator.env" . | fromYamlArray }}
{{- if has .name $taken }}
{{- fail (printf "extraEnv: %s is set by this chart, or stands there twice; set the chart's own value, or leave it out" .name) }}
{{- end }}
{{- $taken = append $taken .name }}
{{- end }}
{{- range .Values.extraVolumes }}
{{- if eq .name "tmp" }}
{{- fail "extraVolumes: tmp is a volume of this chart; choose another name" }}
{{- end }}
{{- end }}
{{- range list "name" "instance" }}
{{- if hasKey (default dict $.Values.podLabels) (printf "app.kubernetes.io/%s" .) }}
{{- fail (printf "podLabels: app.kubernetes.io/%s is set by this chart, whose objects select the pods by it; leave it out" .) }}
{{- end }}
{{- end }}
{{- end }}

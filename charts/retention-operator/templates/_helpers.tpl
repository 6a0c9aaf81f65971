{{- define "retention-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 45 | trimSuffix "-" }}
{{- end }}

{{/* The name of what the chart makes; 45 characters leave room for the longest suffix. */}}
{{- define "retention-operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 45 | trimSuffix "-" }}
{{- else if contains (include "retention-operator.name" .) .Release.Name }}
{{- .Release.Name | trunc 45 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "retention-operator.name" .) | trunc 45 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "retention-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "retention-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: controller
{{- end }}

{{- define "retention-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "retention-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* The one role that the operator may bind, to the ServiceAccount of its runners. */}}
{{- define "retention-operator.runnerRole" -}}
{{ include "retention-operator.fullname" . }}-runner
{{- end }}

{{- define "retention-operator.username" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "retention-operator.fullname" . }}
{{- end }}

{{- define "retention-operator.reference" -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag }}
{{- end }}
{{- end }}

{{- define "retention-operator.image" -}}
{{- $tag := default .Chart.AppVersion .Values.image.tag }}
{{- include "retention-operator.reference" (dict "repository" .Values.image.repository "tag" $tag "digest" .Values.image.digest) }}
{{- end }}

{{/* The operator's, unless runner.image says otherwise. A tag or a digest alone is of the operator's repository. */}}
{{- define "retention-operator.runnerImage" -}}
{{- $own := .Values.runner.image }}
{{- if or $own.repository $own.tag $own.digest }}
{{- $repository := default .Values.image.repository $own.repository }}
{{- $tag := default .Chart.AppVersion $own.tag }}
{{- include "retention-operator.reference" (dict "repository" $repository "tag" $tag "digest" $own.digest) }}
{{- else }}
{{- include "retention-operator.image" . }}
{{- end }}
{{- end }}

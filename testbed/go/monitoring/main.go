// Command monitoring reads objects of the Prometheus Operator on its standard input, JSON one after another, by the
// operator's own types, and fails at a field that they do not have.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
)

func main() {
	if err := read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "monitoring:", err)
		os.Exit(1)
	}
}

func read(in io.Reader) error {
	kinds := map[string]func() any{
		"PrometheusRule": func() any { return new(monitoring.PrometheusRule) },
		"ServiceMonitor": func() any { return new(monitoring.ServiceMonitor) },
		"PodMonitor":     func() any { return new(monitoring.PodMonitor) },
	}
	for decoder := json.NewDecoder(in); ; {
		var text json.RawMessage
		if err := decoder.Decode(&text); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var about struct{ APIVersion, Kind string }
		if err := json.Unmarshal(text, &about); err != nil {
			return err
		}
		made, known := kinds[about.Kind]
		if !known || about.APIVersion != monitoring.SchemeGroupVersion.String() {
			return fmt.Errorf("%s %s is unknown", about.APIVersion, about.Kind)
		}
		if err := strict(text, made()); err != nil {
			return fmt.Errorf("%s: %w", about.Kind, err)
		}
	}
}

func strict(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

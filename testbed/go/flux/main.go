// Command flux lets Flux' own code judge objects. It reads questions on its standard input, JSON one after another, and
// prints an answer of one line for each: the status that health check expressions give an object.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	apijson "k8s.io/apimachinery/pkg/util/json"
)

type question struct {
	// Check is an entry of spec.healthCheckExprs, Object what it judges.
	Check  *kustomize.HealthCheckExpressions
	Object json.RawMessage
}

func main() {
	for decoder := json.NewDecoder(os.Stdin); ; {
		var asked question
		err := decoder.Decode(&asked)
		if errors.Is(err, io.EOF) {
			return
		}
		var found string
		if err == nil {
			found, err = status(context.Background(), asked)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "flux:", err)
			os.Exit(1)
		}
		if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
			panic(err)
		}
	}
}

func status(ctx context.Context, asked question) (string, error) {
	judge, err := cel.NewStatusEvaluator(asked.Check)
	if err != nil {
		return "", err
	}
	var object unstructured.Unstructured
	if err := apijson.Unmarshal(asked.Object, &object.Object); err != nil { // whole numbers as int64
		return "", err
	}
	found, err := judge.Evaluate(ctx, &object)
	if err != nil {
		return "", err
	}
	return string(found.Status), nil
}

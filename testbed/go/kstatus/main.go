// Command kstatus prints what kstatus makes of each object on its standard input: objects as JSON,
// one after another; for each a line with the status, a tab, and the message.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	apijson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

func main() {
	if err := compute(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "kstatus:", err)
		os.Exit(1)
	}
}

func compute(in io.Reader, out io.Writer) error {
	for decoder := json.NewDecoder(in); ; {
		var text json.RawMessage
		if err := decoder.Decode(&text); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var object unstructured.Unstructured
		if err := apijson.Unmarshal(text, &object.Object); err != nil { // whole numbers as int64
			return err
		}
		result, err := status.Compute(&object)
		if err != nil {
			return err
		}
		message := strings.ReplaceAll(result.Message, "\n", " ")
		if _, err := fmt.Fprintf(out, "%s\t%s\n", result.Status, message); err != nil {
			return err
		}
	}
}

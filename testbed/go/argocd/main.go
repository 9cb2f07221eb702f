// Command argocd lets Argo CD's own code judge objects. It reads questions on its standard input, JSON one after
// another, and prints an answer of one line for each: the health of an object, the actions that it has, what an action
// would send to the API server, and whether an object differs from what is declared.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/health"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	argodiff "github.com/argoproj/argo-cd/v3/util/argo/diff"
	"github.com/argoproj/argo-cd/v3/util/argo/normalizers"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/argo-cd/v3/util/settings"
	jsonpatch "github.com/evanphx/json-patch"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	apijson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/kubernetes/fake"
)

type question struct {
	// Ask is health, actions, action or diff.
	Ask string
	// ConfigMap is the data of argocd-cm.
	ConfigMap map[string]string
	// Live is the object as the API server has it, Declared as the repository has it.
	Live, Declared json.RawMessage
	// Action is the name of the action.
	Action string
}

func main() {
	for decoder := json.NewDecoder(os.Stdin); ; {
		var asked question
		err := decoder.Decode(&asked)
		if errors.Is(err, io.EOF) {
			return
		}
		var answer any
		if err == nil {
			answer, err = answered(asked)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "argocd:", err)
			os.Exit(1)
		}
		if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
			panic(err)
		}
	}
}

func answered(asked question) (any, error) {
	live, err := object(asked.Live)
	if err != nil {
		return nil, err
	}
	overrides, err := overrides(asked.ConfigMap)
	if err != nil {
		return nil, err
	}
	machine := lua.VM{ResourceOverrides: overrides}
	switch asked.Ask {
	case "health":
		return health.GetResourceHealth(live, lua.ResourceHealthOverrides(overrides))
	case "actions":
		scripts, err := machine.GetResourceActionDiscovery(live)
		if err != nil {
			return nil, err
		}
		return machine.ExecuteResourceActionDiscovery(live, scripts)
	case "action":
		return patch(machine, live, asked.Action)
	case "diff":
		declared, err := object(asked.Declared)
		if err != nil {
			return nil, err
		}
		return differs(live, declared, overrides)
	}
	return nil, fmt.Errorf("asked for %q", asked.Ask)
}

func object(text []byte) (*unstructured.Unstructured, error) {
	var found unstructured.Unstructured
	return &found, apijson.Unmarshal(text, &found.Object) // whole numbers as int64
}

// overrides returns what Argo CD reads in argocd-cm about kinds of resources.
func overrides(data map[string]string) (map[string]v1alpha1.ResourceOverride, error) {
	labels := map[string]string{"app.kubernetes.io/part-of": "argocd"}
	cluster := fake.NewClientset(
		&corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: "argocd-cm", Namespace: "argocd", Labels: labels}, Data: data,
		},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "argocd-secret", Namespace: "argocd", Labels: labels}},
	)
	return settings.NewSettingsManager(context.Background(), cluster, "argocd").GetResourceOverrides()
}

// patch returns the merge patch that Argo CD's server sends for an action.
func patch(machine lua.VM, live *unstructured.Unstructured, name string) (any, error) {
	action, err := machine.GetResourceAction(live, name)
	if err != nil {
		return nil, err
	}
	changed, err := machine.ExecuteResourceAction(live, action.ActionLua, nil)
	if err != nil {
		return nil, err
	}
	if len(changed) != 1 || changed[0].K8SOperation != lua.PatchOperation {
		return nil, fmt.Errorf("%s changes something else than the object itself", name)
	}
	before, err := json.Marshal(live)
	if err != nil {
		return nil, err
	}
	after, err := json.Marshal(changed[0].UnstructuredObj)
	if err != nil {
		return nil, err
	}
	made, err := jsonpatch.CreateMergePatch(before, after)
	return json.RawMessage(bytes.TrimSpace(made)), err
}

// differs returns whether Argo CD would show the object as out of sync, and what it would make of it.
func differs(live, declared *unstructured.Unstructured, overrides map[string]v1alpha1.ResourceOverride) (any, error) {
	config, err := argodiff.NewDiffConfigBuilder().
		WithDiffSettings(nil, overrides, false, normalizers.IgnoreNormalizerOpts{}).
		WithTracking("app.kubernetes.io/instance", "annotation").
		WithNoCache().
		Build()
	if err != nil {
		return nil, err
	}
	found, err := argodiff.StateDiff(live, declared, config)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"modified":  found.Modified,
		"live":      json.RawMessage(found.NormalizedLive),
		"predicted": json.RawMessage(found.PredictedLive),
	}, nil
}

package config

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

func compiledSchema(t *testing.T, ref string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("pricefetch.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("pricefetch.json" + ref)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON reads YAML as an editor's schema checker sees it; false if it is no YAML.
func asJSON(t *testing.T, data []byte) (any, bool) {
	t.Helper()
	var v any
	if yaml.Unmarshal(data, &v) != nil {
		return nil, false
	}
	j, err := json.Marshal(v)
	if err != nil {
		return nil, false
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(j))
	if err != nil {
		t.Fatal(err)
	}
	return out, true
}

func TestSchemaAcceptsWhatLoads(t *testing.T) {
	s := compiledSchema(t, "")
	files := append(samples(t, "testdata/good/*.yaml"), samples(t, "../../configs/*.yaml")...)
	for _, file := range files {
		for form, data := range map[string][]byte{"as written": fileOf(t, file), "effective": loadGood(t, file).Effective()} {
			v, ok := asJSON(t, data)
			if !ok {
				t.Fatalf("%s, %s: no YAML", file, form)
			}
			if err := s.Validate(v); err != nil {
				t.Errorf("%s, %s: %v", file, form, err)
			}
		}
	}
	included := compiledSchema(t, "#/$defs/include")
	for _, file := range samples(t, "testdata/good/inc/*.yaml") {
		if v, ok := asJSON(t, fileOf(t, file)); ok && included.Validate(v) != nil {
			t.Errorf("%s: %v", file, included.Validate(v))
		}
	}
}

// The samples that are marked, and no others, have faults of shape.
func TestSchemaRejectsFaultsOfShape(t *testing.T) {
	s := compiledSchema(t, "")
	rejected := 0
	for _, file := range samples(t, "testdata/broken/*.yaml") {
		v, ok := asJSON(t, fileOf(t, file))
		want := strings.HasPrefix(string(fileOf(t, strings.TrimSuffix(file, ".yaml")+".want")), shapeMark)
		if !ok {
			if want {
				t.Errorf("%s is marked, but is no YAML at all", filepath.Base(file))
			}
			continue
		}
		if got := s.Validate(v) != nil; got != want {
			t.Errorf("%s: rejected %v, want %v: %v", filepath.Base(file), got, want, s.Validate(v))
		}
		rejected++
	}
	if rejected < 80 {
		t.Errorf("only %d samples were tried", rejected)
	}
}

func TestSchemaFileIsCurrent(t *testing.T) {
	wantGolden(t, "../../configs/schema.json", string(Schema()))
}

// Every property says what it is for, and no section allows keys beside its own.
func TestSchemaIsDescribed(t *testing.T) {
	var root any
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	sections := 0
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if properties, ok := v["properties"].(map[string]any); ok {
				sections++
				if v["additionalProperties"] != false {
					t.Errorf("%s: allows other keys", path)
				}
				for name, p := range properties {
					if d, _ := p.(map[string]any)["description"].(string); d == "" && !strings.Contains(path, "include") {
						t.Errorf("%s.%s: no description", path, name)
					}
				}
			}
			for k, sub := range v {
				walk(path+"."+k, sub)
			}
		case []any:
			for _, sub := range v {
				walk(path, sub)
			}
		}
	}
	walk("", root)
	if sections < 8 {
		t.Errorf("only %d sections", sections)
	}
}

func fileOf(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

package saga

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// ErrInvalid marks a payload that no retry can mend.
var ErrInvalid = errors.New("invalid payload")

//go:embed schemas/*.json
var files embed.FS

// compile reads a schema once; what it returns may be used concurrently.
func compile(topic string) *jsonschema.Schema {
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	names, err := fs.Glob(files, "schemas/*.json")
	must(err)
	for _, name := range names {
		text, err := files.ReadFile(name)
		must(err)
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		must(err)
		must(compiler.AddResource("https://peers.example/"+name, document))
	}
	schema, err := compiler.Compile("https://peers.example/schemas/" + topic + ".json")
	must(err)
	return schema
}

// parse checks a payload against its schema and reads it.
func parse[T any](schema *jsonschema.Schema, payload []byte) (T, error) {
	var value T
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(payload))
	if err == nil {
		err = schema.Validate(document)
	}
	if err == nil {
		err = json.Unmarshal(payload, &value)
	}
	if err != nil {
		return value, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return value, nil
}

// must is for what is embedded in the program: broken means built wrong.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

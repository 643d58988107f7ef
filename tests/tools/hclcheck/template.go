package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/template"
)

// templateRequest is a template block, and what Nomad and Vault would answer it. Both keep what they
// have by path; a path that is missing here is one that the template may not read.
type templateRequest struct {
	Data           string                       `json:"data"`
	LeftDelimiter  string                       `json:"left_delimiter"`
	RightDelimiter string                       `json:"right_delimiter"`
	Environment    map[string]string            `json:"environment"`
	Variables      map[string]map[string]string `json:"variables"`
	Secrets        map[string]map[string]string `json:"secrets"`
}

// vaultSecret has the shape of what version 2 of Vault's key-value engine answers.
type vaultSecret struct {
	Data map[string]interface{}
}

// renderTemplate renders as consul-template in a Nomad client does: Go's templates, an error for a
// key that is missing, and those functions that the examples call.
func renderTemplate(input io.Reader, output io.Writer) error {
	var request templateRequest
	decoder := json.NewDecoder(input)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		return err
	}
	parsed, err := template.New("template").
		Delims(request.LeftDelimiter, request.RightDelimiter).
		Option("missingkey=error").
		Funcs(template.FuncMap{
			"env": func(name string) (string, error) {
				value, has := request.Environment[name]
				if !has {
					return "", fmt.Errorf("no %s in the task's environment", name)
				}
				return value, nil
			},
			"nomadVar": func(path string) (map[string]string, error) {
				items, has := request.Variables[path]
				if !has {
					return nil, fmt.Errorf("no variable at %s that this job may read", path)
				}
				return items, nil
			},
			"secret": func(path string) (*vaultSecret, error) {
				items, has := request.Secrets[path]
				if !has {
					return nil, fmt.Errorf("no secret at %s", path)
				}
				return &vaultSecret{Data: map[string]interface{}{"data": items}}, nil
			},
		}).Parse(request.Data)
	if err != nil {
		return err
	}
	return parsed.Execute(output, nil)
}

package main

import (
	"os"
	"path/filepath"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// functions are those that Nomad and Terraform have under the same name, as far as the examples call
// them: any other is an error of the file that calls it. Relative paths begin at `folder`.
func functions(folder string) map[string]function.Function {
	result := map[string]function.Function{
		"coalesce":   stdlib.CoalesceFunc,
		"concat":     stdlib.ConcatFunc,
		"contains":   stdlib.ContainsFunc,
		"format":     stdlib.FormatFunc,
		"join":       stdlib.JoinFunc,
		"jsonencode": stdlib.JSONEncodeFunc,
		"keys":       stdlib.KeysFunc,
		"length":     stdlib.LengthFunc,
		"merge":      stdlib.MergeFunc,
		"replace":    stdlib.ReplaceFunc,
		"toset":      stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)),
		"try":        tryfunc.TryFunc,
	}
	result["abspath"] = textFunction(func(path string) (string, error) {
		return filepath.Abs(path)
	})
	result["file"] = textFunction(func(path string) (string, error) {
		text, err := os.ReadFile(under(folder, path))
		return string(text), err
	})
	result["templatefile"] = templateFileFunction(folder, result)
	return result
}

func under(folder, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(folder, path)
}

func textFunction(make func(string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "text", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(arguments []cty.Value, _ cty.Type) (cty.Value, error) {
			text, err := make(arguments[0].AsString())
			return cty.StringVal(text), err
		},
	})
}

// templateFileFunction is templatefile(PATH, VALUES): the template has the same functions.
func templateFileFunction(folder string, all map[string]function.Function) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{
			{Name: "path", Type: cty.String},
			{Name: "values", Type: cty.DynamicPseudoType},
		},
		Type: function.StaticReturnType(cty.String),
		Impl: func(arguments []cty.Value, _ cty.Type) (cty.Value, error) {
			path := under(folder, arguments[0].AsString())
			source, err := os.ReadFile(path)
			if err != nil {
				return cty.UnknownVal(cty.String), err
			}
			expression, diagnostics := hclsyntax.ParseTemplate(source, path, hcl.InitialPos)
			if diagnostics.HasErrors() {
				return cty.UnknownVal(cty.String), diagnostics
			}
			value, diagnostics := expression.Value(&hcl.EvalContext{
				Variables: arguments[1].AsValueMap(), Functions: all})
			if diagnostics.HasErrors() {
				return cty.UnknownVal(cty.String), diagnostics
			}
			return value, nil
		},
	})
}

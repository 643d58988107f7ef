// hclcheck reads HCL files with HashiCorp's own parser, for the tests of examples/.
//
//	hclcheck [-nomad] [-context FILE.json] FILE...
//
// prints one JSON object: for each file its syntax errors, its text as `nomad fmt` leaves it, and its
// blocks with what each attribute refers to and evaluates to. `terraform fmt` leaves the same text,
// but that it unwraps a value that is "${…}" and nothing else, and types in quotes. The files are one module: variables have their defaults, or what "var" of the context says; every other
// name of the context (`path`, or a resource's attributes) is there under its own. With -nomad a name
// that is neither is left for Nomad to fill in at run time, as Nomad does.
//
//	hclcheck template
//
// renders a `template` block of a Nomad job: standard input is the JSON of struct templateRequest,
// standard output the text.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

type attribute struct {
	Value      *ctyjson.SimpleJSONValue `json:"value"`
	Unknown    string                   `json:"unknown,omitempty"` // why it has no value
	References []string                 `json:"references"`
	Functions  []string                 `json:"functions"`
	Wrapped    bool                     `json:"wrapped"` // "${…}" and nothing else
	Line       int                      `json:"line"`
}

type block struct {
	Type       string                `json:"type"`
	Labels     []string              `json:"labels"`
	Attributes map[string]*attribute `json:"attributes"`
	Blocks     []*block              `json:"blocks"`
	Line       int                   `json:"line"`
}

type file struct {
	Errors    []string `json:"errors"`
	Formatted string   `json:"formatted"`
	Root      *block   `json:"root"`
}

type module struct {
	isNomad bool
	bodies  map[string]*hclsyntax.Body
	context *hcl.EvalContext
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "template" {
		exit(renderTemplate(os.Stdin, os.Stdout))
	}
	exit(check(os.Args[1:]))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "hclcheck: %v\n", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func check(arguments []string) error {
	m := &module{bodies: map[string]*hclsyntax.Body{}}
	given := map[string]cty.Value{}
	for len(arguments) > 0 && arguments[0][0] == '-' {
		switch {
		case arguments[0] == "-nomad":
			m.isNomad = true
		case arguments[0] == "-context" && len(arguments) > 1:
			arguments = arguments[1:]
			var err error
			if given, err = readContext(arguments[0]); err != nil {
				return err
			}
		default:
			return fmt.Errorf("usage: hclcheck [-nomad] [-context FILE.json] FILE...")
		}
		arguments = arguments[1:]
	}
	if len(arguments) == 0 {
		return fmt.Errorf("no file")
	}

	files := map[string]*file{}
	for _, path := range arguments {
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		parsed, diagnostics := hclsyntax.ParseConfig(source, path, hcl.InitialPos)
		files[path] = &file{Errors: texts(diagnostics), Formatted: string(hclwrite.Format(source))}
		if !diagnostics.HasErrors() {
			m.bodies[path] = parsed.Body.(*hclsyntax.Body)
		}
	}
	m.context = &hcl.EvalContext{Variables: given, Functions: functions(filepath.Dir(arguments[0]))}
	m.define()
	for path, body := range m.bodies {
		root, err := m.describe(body, m.context)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		files[path].Root = root
	}
	return json.NewEncoder(os.Stdout).Encode(files)
}

func texts(diagnostics hcl.Diagnostics) []string {
	result := []string{}
	for _, diagnostic := range diagnostics {
		result = append(result, diagnostic.Error())
	}
	return result
}

func readContext(path string) (map[string]cty.Value, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	kind, err := ctyjson.ImpliedType(text)
	if err != nil {
		return nil, err
	}
	value, err := ctyjson.Unmarshal(text, kind)
	if err != nil {
		return nil, err
	}
	return value.AsValueMap(), nil
}

// define gives variables and locals their values. A local that needs what nobody knows has none.
func (m *module) define() {
	values := map[string]cty.Value{}
	locals := map[string]hclsyntax.Expression{}
	for _, body := range m.bodies {
		for _, b := range body.Blocks {
			switch {
			case b.Type == "variable" && len(b.Labels) == 1:
				if attribute, has := b.Body.Attributes["default"]; has {
					if value, diagnostics := attribute.Expr.Value(m.context); !diagnostics.HasErrors() {
						values[b.Labels[0]] = value
					}
				}
			case b.Type == "locals":
				for name, attribute := range b.Body.Attributes {
					locals[name] = attribute.Expr
				}
			}
		}
	}
	if given, has := m.context.Variables["var"]; has {
		for name, value := range given.AsValueMap() {
			values[name] = value
		}
	}
	m.context.Variables = copied(m.context.Variables)
	m.context.Variables["var"] = cty.ObjectVal(values)

	known := map[string]cty.Value{}
	for again := true; again; {
		again = false
		m.context.Variables["local"] = cty.ObjectVal(known)
		for name, expression := range locals {
			if _, has := known[name]; has {
				continue
			}
			value, diagnostics := expression.Value(m.at(expression, m.context))
			if !diagnostics.HasErrors() {
				known[name] = value
				again = true
			}
		}
	}
}

func copied(values map[string]cty.Value) map[string]cty.Value {
	result := map[string]cty.Value{}
	for name, value := range values {
		result[name] = value
	}
	return result
}

// at is the context of one expression. Nomad gives a name that it fills in at run time, as
// NOMAD_TASK_DIR or attr.kernel.name, the text of its own interpolation.
func (m *module) at(expression hclsyntax.Expression, context *hcl.EvalContext) *hcl.EvalContext {
	if !m.isNomad {
		return context
	}
	run := map[string]cty.Value{}
	for _, traversal := range expression.Variables() {
		root := traversal.RootName()
		if isKnown(context, root) {
			continue
		}
		value := cty.StringVal("${" + name(traversal) + "}")
		for i := len(traversal) - 1; i > 0; i-- {
			if step, is := traversal[i].(hcl.TraverseAttr); is {
				value = cty.ObjectVal(map[string]cty.Value{step.Name: value})
			}
		}
		run[root] = value
	}
	if len(run) == 0 {
		return context
	}
	child := context.NewChild()
	child.Variables = run
	return child
}

func isKnown(context *hcl.EvalContext, root string) bool {
	for ; context != nil; context = context.Parent() {
		if _, has := context.Variables[root]; has {
			return true
		}
	}
	return false
}

func name(traversal hcl.Traversal) string {
	result := traversal.RootName()
	for _, step := range traversal[1:] {
		if attribute, is := step.(hcl.TraverseAttr); is {
			result += "." + attribute.Name
		}
	}
	return result
}

func (m *module) describe(body *hclsyntax.Body, context *hcl.EvalContext) (*block, error) {
	result := &block{Labels: []string{}, Attributes: map[string]*attribute{}, Blocks: []*block{}}
	for key, source := range body.Attributes {
		result.Attributes[key] = m.describeAttribute(source, context)
	}
	for _, source := range body.Blocks {
		children, err := m.describeBlock(source, context)
		if err != nil {
			return nil, err
		}
		result.Blocks = append(result.Blocks, children...)
	}
	return result, nil
}

func (m *module) describeBlock(source *hclsyntax.Block, context *hcl.EvalContext) ([]*block, error) {
	if source.Type == "dynamic" {
		return m.expand(source, context)
	}
	result, err := m.describe(source.Body, context)
	if err != nil {
		return nil, err
	}
	result.Type = source.Type
	result.Labels = append(result.Labels, source.Labels...)
	result.Line = source.TypeRange.Start.Line
	return []*block{result}, nil
}

// expand makes of a dynamic block those that it stands for.
func (m *module) expand(source *hclsyntax.Block, context *hcl.EvalContext) ([]*block, error) {
	var result []*block
	var content *hclsyntax.Body
	for _, b := range source.Body.Blocks {
		if b.Type == "content" {
			content = b.Body
		}
	}
	attribute, has := source.Body.Attributes["for_each"]
	if content == nil || !has || len(source.Labels) != 1 {
		return nil, fmt.Errorf("line %d: a dynamic block lacks label, for_each or content",
			source.TypeRange.Start.Line)
	}
	each, diagnostics := attribute.Expr.Value(m.at(attribute.Expr, context))
	if diagnostics.HasErrors() {
		return nil, diagnostics
	}
	for iterator := each.ElementIterator(); iterator.Next(); {
		key, value := iterator.Element()
		child := context.NewChild()
		child.Variables = map[string]cty.Value{source.Labels[0]: cty.ObjectVal(
			map[string]cty.Value{"key": key, "value": value})}
		made, err := m.describe(content, child)
		if err != nil {
			return nil, err
		}
		made.Type = source.Labels[0]
		made.Line = source.TypeRange.Start.Line
		if labels, has := source.Body.Attributes["labels"]; has {
			texts, diagnostics := labels.Expr.Value(child)
			if diagnostics.HasErrors() {
				return nil, diagnostics
			}
			for _, text := range texts.AsValueSlice() {
				made.Labels = append(made.Labels, text.AsString())
			}
		}
		result = append(result, made)
	}
	return result, nil
}

func (m *module) describeAttribute(source *hclsyntax.Attribute, context *hcl.EvalContext) *attribute {
	result := &attribute{References: []string{}, Functions: []string{}, Line: source.NameRange.Start.Line}
	for _, traversal := range source.Expr.Variables() {
		result.References = append(result.References, name(traversal))
	}
	hclsyntax.VisitAll(source.Expr, func(node hclsyntax.Node) hcl.Diagnostics {
		if call, is := node.(*hclsyntax.FunctionCallExpr); is {
			result.Functions = append(result.Functions, call.Name)
		}
		return nil
	})
	_, result.Wrapped = source.Expr.(*hclsyntax.TemplateWrapExpr)
	sort.Strings(result.References)
	sort.Strings(result.Functions)
	value, diagnostics := source.Expr.Value(m.at(source.Expr, context))
	if diagnostics.HasErrors() {
		result.Unknown = diagnostics.Error()
		return result
	}
	if !value.IsWhollyKnown() {
		result.Unknown = "not known"
		return result
	}
	result.Value = &ctyjson.SimpleJSONValue{Value: value}
	return result
}

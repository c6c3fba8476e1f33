package config

import (
	"math"
	"reflect"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/carillonhq/carillon/engine/hours"
)

// scalar decodes a string, a boolean, a number or one of the units.
func (d *decoder) scalar(n *yaml.Node, v reflect.Value, path string) {
	want := scalarWords(v.Type())
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		d.wrongType(n, path, want)
		return
	}
	var x any
	var err error
	switch v.Type() {
	case durationType:
		x, err = ParseDuration(n.Value)
	case sizeType:
		x, err = ParseSize(n.Value)
	case rateType:
		x, err = ParseRate(n.Value)
	case windowType:
		x, err = hours.Parse(n.Value)
	case capLimitType:
		x, err = ParseCapLimit(n.Value)
	case priceType:
		x, err = ParsePrice(n.Value)
	case secretType:
		x = SecretRef(n.Value) // Validate refuses a literal
	default:
		d.plain(n, v, path, want)
		return
	}
	if err != nil {
		d.faults.add(path, n.Line, "%v", err)
		return
	}
	v.Set(reflect.ValueOf(x))
}

// plain decodes what YAML has a type for.
func (d *decoder) plain(n *yaml.Node, v reflect.Value, path, want string) {
	switch {
	case v.Kind() == reflect.String && (n.Tag == "!!str" || n.Tag == "!!timestamp"):
		v.SetString(n.Value)
	case v.Kind() == reflect.Bool && n.Tag == "!!bool", v.Kind() == reflect.Int && n.Tag == "!!int":
		if n.Decode(v.Addr().Interface()) != nil {
			d.faults.add(path, n.Line, "must be %s that fits", want)
		}
	default:
		d.wrongType(n, path, want)
	}
}

func scalarWords(t reflect.Type) string {
	switch t {
	case durationType:
		return "a duration such as 300ms, 30s or 7d"
	case sizeType:
		return "a size such as 64MiB"
	case rateType:
		return "a rate such as 80/s"
	case windowType:
		return "a part of the day such as 22:00-08:00"
	case capLimitType:
		return "a number in a time such as 3/1d"
	case priceType:
		return "a price such as 0.031"
	case secretType:
		return "a reference, env:NAME or file:/path"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	default:
		return "a string (in quotes where it looks like a number)"
	}
}

// free decodes a plugin's settings into what JSON can hold.
func (d *decoder) free(n *yaml.Node, path string) any {
	if n = d.enter(n, path); n == nil {
		return nil
	}
	d.depth++
	defer func() { d.depth-- }()
	switch n.Kind {
	case yaml.MappingNode:
		m := make(map[string]any)
		d.pairs(n, path, "a mapping", func(key, value *yaml.Node, at string) {
			d.lines[at] = key.Line
			m[key.Value] = d.free(value, at)
		})
		return m
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			list[i] = d.free(item, path+"["+strconv.Itoa(i)+"]")
		}
		return list
	default:
		return d.freeScalar(n, path)
	}
}

func (d *decoder) freeScalar(n *yaml.Node, path string) any {
	var x any
	switch n.Tag {
	case "!!int", "!!float", "!!bool":
		if n.Decode(&x) != nil {
			x = n.Value
		}
	case "!!null":
	default: // dates as well: the plugin is given what was written
		x = n.Value
	}
	if f, ok := x.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
		d.faults.add(path, n.Line, "JSON has no such number; write a finite one, or quotes around it")
		return nil
	}
	return x
}

// orNil is reflect.ValueOf that takes nil for an empty interface.
func orNil(x any) reflect.Value {
	if x == nil {
		return reflect.Zero(anyType)
	}
	return reflect.ValueOf(x)
}

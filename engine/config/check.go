package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// checker collects what is wrong in a decoded configuration.
type checker struct {
	c      *Config
	faults Faults
}

// add records a fault at path, on the line of the nearest key that the file
// holds.
func (k *checker) add(path, format string, args ...any) {
	k.faults.add(path, k.c.line(path), format, args...)
}

// need records a fault where ok is false.
func (k *checker) need(ok bool, path, format string, args ...any) {
	if !ok {
		k.add(path, format, args...)
	}
}

func (c *Config) line(path string) int {
	for {
		if line, ok := c.lines[path]; ok {
			return line
		}
		i := strings.LastIndexAny(path, ".[")
		if i < 0 {
			return 0
		}
		path = path[:i]
	}
}

// values checks enumerations, bounds and references everywhere under v.
func (k *checker) values(v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.Struct:
		for _, f := range fieldsOf(v.Type()) {
			k.value(f, v.Field(f.index), join(path, f.key))
		}
	case reflect.Slice:
		for i := range v.Len() {
			k.values(v.Index(i), path+"["+strconv.Itoa(i)+"]")
		}
	case reflect.Map:
		if v.Type().Elem() == anyType {
			return
		}
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, key := range keys {
			k.values(v.MapIndex(key), join(path, key.String()))
		}
	}
}

func (k *checker) value(f field, v reflect.Value, path string) {
	switch {
	case f.enum != nil && v.Kind() == reflect.Slice:
		for i := range v.Len() {
			k.value(field{enum: f.enum}, v.Index(i), path+"["+strconv.Itoa(i)+"]")
		}
	case f.enum != nil:
		k.need(slices.Contains(f.enum, v.String()), path, "%q is not known here; %s", v.String(), suggest(v.String(), named(f.enum)))
	case f.min != "" || f.max != "":
		k.bounds(f, v, path)
	case v.Type() == secretType:
		ref := SecretRef(v.String())
		k.need(ref == "" || ref.valid(), path, "%s", ref.fault())
	default:
		k.values(v, path)
	}
}

func (k *checker) bounds(f field, v reflect.Value, path string) {
	low := f.min == "" || v.Int() >= amount(v.Type(), f.min)
	high := f.max == "" || v.Int() <= amount(v.Type(), f.max)
	k.need(low && high, path, "is %s; take %s", written(v), f.boundWords())
}

// boundWords says what the bounds are: "at least 1s", "1 to 64".
func (f field) boundWords() string {
	switch {
	case f.max == "":
		return "at least " + f.min
	case f.min == "":
		return "at most " + f.max
	default:
		return f.min + " to " + f.max
	}
}

// amount reads a bound. Bounds stand in the tags of this package, and a test
// reads them all.
func amount(t reflect.Type, s string) int64 {
	switch t {
	case durationType:
		d, err := ParseDuration(s)
		return must(int64(d), err)
	case sizeType:
		b, err := ParseSize(s)
		return must(int64(b), err)
	default:
		return must(strconv.ParseInt(s, 10, 64))
	}
}

func must(n int64, err error) int64 {
	if err != nil {
		panic(err)
	}
	return n
}

// written shows a value the way that it is configured.
func written(v reflect.Value) string {
	if d, ok := v.Interface().(Duration); ok {
		return FormatDuration(d)
	}
	return fmt.Sprint(v.Interface())
}

func named(enum []string) []string {
	return slices.DeleteFunc(slices.Clone(enum), func(s string) bool { return s == "" })
}

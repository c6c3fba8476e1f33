package config

import (
	"reflect"
	"strings"

	"github.com/carillonhq/carillon/engine/hours"
)

// field is one key of a struct. Decoding, checking and the schema read the
// same list, so that they can't disagree.
type field struct {
	key      string
	index    int
	enum     []string // empty: anything
	min, max string   // empty: no bound
}

func fieldsOf(t reflect.Type) []field {
	var all []field
	for i := range t.NumField() {
		f := t.Field(i)
		key := f.Tag.Get("yaml")
		if key == "" || key == "-" {
			continue
		}
		x := field{key: key, index: i, min: f.Tag.Get("min"), max: f.Tag.Get("max")}
		if values, ok := f.Tag.Lookup("enum"); ok {
			x.enum = strings.Split(values, ",")
		}
		all = append(all, x)
	}
	return all
}

var (
	durationType = reflect.TypeFor[Duration]()
	sizeType     = reflect.TypeFor[Size]()
	rateType     = reflect.TypeFor[Rate]()
	windowType   = reflect.TypeFor[hours.Window]()
	priceType    = reflect.TypeFor[Price]()
	capLimitType = reflect.TypeFor[CapLimit]()
	secretType   = reflect.TypeFor[SecretRef]()
	pluginType   = reflect.TypeFor[Plugin]()
	anyType      = reflect.TypeFor[any]()
)

// setBlank gives a new entry of a map its defaults.
func setBlank(v reflect.Value) {
	switch p := v.Addr().Interface().(type) {
	case *Channel:
		*p = DefaultChannel()
	case *Account:
		*p = DefaultAccount()
	case *QuietApp:
		*p = DefaultQuietApp()
	case *CapApp:
		*p = DefaultCapApp()
	case *OrderApp:
		*p = DefaultOrderApp()
	}
}

// join makes the path of a key. The root's path is empty.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

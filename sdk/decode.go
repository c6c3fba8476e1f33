package sdk

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Decode reads the settings into a pointer to a struct with json tags. What it
// can't read — an unknown setting, a wrong type — comes back as Faults, all of
// them at once, each with its path. Settings that are left out keep the value
// that the struct had before, so defaults are written there first.
func (c AccountConfig) Decode(into any) error {
	var faults Faults
	if len(c.Settings) > 0 {
		decodeObject(c.Settings, reflect.ValueOf(into).Elem(), "", &faults)
	}
	return faults.Err()
}

func decodeObject(data []byte, into reflect.Value, path string, faults *Faults) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		*faults = append(*faults, Fault{path, "must be a JSON object"})
		return
	}
	fields := settingFields(into)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		at := strings.TrimPrefix(path+"."+name, ".")
		field, ok := fields[name]
		switch {
		case !ok:
			known := strings.Join(slices.Sorted(maps.Keys(fields)), ", ")
			*faults = append(*faults, Fault{at, "is no setting of this channel; known here: " + known})
		case field.Kind() == reflect.Struct && !field.Addr().Type().Implements(unmarshaler):
			decodeObject(members[name], field, at, faults)
		default:
			if err := json.Unmarshal(members[name], field.Addr().Interface()); err != nil {
				*faults = append(*faults, Fault{at, decodeProblem(err)})
			}
		}
	}
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

func settingFields(s reflect.Value) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	for i := range s.NumField() {
		if name, _, _ := strings.Cut(s.Type().Field(i).Tag.Get("json"), ","); name != "" && name != "-" {
			fields[name] = s.Field(i)
		}
	}
	return fields
}

func decodeProblem(err error) string {
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		return fmt.Sprintf("is a %s, must be a %s", wrongType.Value, wrongType.Type)
	}
	return err.Error()
}

// Duration is a setting like "1.5s", "250ms" or "2m" (time.ParseDuration).
type Duration time.Duration

// UnmarshalJSON reads the quoted form; a bare number has no unit and is
// refused.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return errors.New(`must be a duration in quotes, such as "30s"`)
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return errors.New(`must be a duration such as "1.5s", "250ms" or "2m"`)
	}
	*d = Duration(v)
	return nil
}

// MarshalJSON writes the form that UnmarshalJSON reads.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

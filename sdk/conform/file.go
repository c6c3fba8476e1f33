package conform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// file is a Suite in YAML: what `carillon plugin check --config` reads.
type file struct {
	Settings map[string]any    `yaml:"settings"`
	Secrets  map[string]string `yaml:"secrets"`
	Sample   sample            `yaml:",inline"`
	Slow     *address          `yaml:"slow"`
	Refused  []struct {
		Settings map[string]any `yaml:"settings"`
		Path     string         `yaml:"path"`
	} `yaml:"refused"`
	Cases []struct {
		Name     string         `yaml:"name"`
		Settings map[string]any `yaml:"settings"`
		Sample   sample         `yaml:",inline"`
		Want     string         `yaml:"want"`
	} `yaml:"cases"`
	Sends    int           `yaml:"sends"`
	Patience time.Duration `yaml:"patience"`
}

// sample is what attempts are made of. What is left out is made up, by the
// channel's description.
type sample struct {
	Address *address       `yaml:"address"`
	Content map[string]any `yaml:"content"`
	Data    map[string]any `yaml:"data"`
}

// address is a string, or an object for Web Push.
type address struct {
	Value  string `yaml:"value"`
	P256dh string `yaml:"p256dh"`
	Auth   string `yaml:"auth"`
}

func (a *address) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return n.Decode(&a.Value)
	}
	type plain address
	return n.Decode((*plain)(a))
}

// Read reads a Suite from YAML (docs/plugins.md, Check your plugin). secret
// finds the value of a secret by its reference. An error has the line, or the
// key, and what to do.
func Read(text []byte, secret func(reference string) (string, error)) (Suite, error) {
	var f file
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return Suite{}, err
	}
	s := Suite{Sends: f.Sends, Patience: f.Patience, Secrets: map[string]string{}}
	if f.Sends < 0 || f.Patience < 0 {
		return s, errors.New("sends and patience must not be negative")
	}
	var err error
	if s.Settings, err = object(f.Settings, "{}"); err != nil {
		return s, fmt.Errorf("settings: %w", err)
	}
	for name, reference := range f.Secrets {
		if s.Secrets[name], err = secret(reference); err != nil {
			return s, fmt.Errorf("secrets.%s: %w", name, err)
		}
	}
	if s.Good, err = f.Sample.attempts(); err != nil {
		return s, err
	}
	if f.Slow != nil {
		slow := f.Sample
		slow.Address = f.Slow
		if s.Slow, err = slow.attempts(); err != nil {
			return s, err
		}
	}
	return s, f.lists(&s)
}

// lists reads what is refused, and the cases.
func (f *file) lists(s *Suite) error {
	for i, r := range f.Refused {
		settings, err := object(r.Settings, "{}")
		if err != nil {
			return fmt.Errorf("refused[%d].settings: %w", i, err)
		}
		s.Refused = append(s.Refused, Refusal{Settings: settings, Path: r.Path})
	}
	for i, c := range f.Cases {
		if c.Want == "" {
			return fmt.Errorf("cases[%d].want: is missing; give the verdict, as `rejected recipient` or `throttled 30s`", i)
		}
		settings, err := object(c.Settings, "")
		if err != nil {
			return fmt.Errorf("cases[%d].settings: %w", i, err)
		}
		if c.Sample.Address == nil {
			c.Sample.Address = f.Sample.Address
		}
		if c.Sample.Content == nil {
			c.Sample.Content = f.Sample.Content
		}
		if c.Sample.Data == nil {
			c.Sample.Data = f.Sample.Data
		}
		attempts, err := c.Sample.attempts()
		if err != nil {
			return fmt.Errorf("cases[%d].%w", i, err)
		}
		name := c.Name
		if name == "" {
			name = strconv.Itoa(i + 1)
		}
		s.Cases = append(s.Cases, Case{
			Name: name, Settings: settings, Want: c.Want,
			Attempt: func() *channelv1.Attempt { return attempts(0) },
		})
	}
	return nil
}

func object(m map[string]any, otherwise string) (string, error) {
	if m == nil {
		return otherwise, nil
	}
	text, err := json.Marshal(m)
	return string(text), err
}

// attempts returns what makes them. {i} in an address is the attempt's number.
func (s sample) attempts() (func(i int) *channelv1.Attempt, error) {
	var content *carillonv1.Content
	if s.Content != nil {
		text, err := object(s.Content, "")
		if err != nil {
			return nil, fmt.Errorf("content: %w", err)
		}
		content = &carillonv1.Content{}
		if err := protojson.Unmarshal([]byte(text), content); err != nil {
			return nil, fmt.Errorf("content: %w", err)
		}
	}
	data, err := object(s.Data, `{"order": 17}`)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	return func(i int) *channelv1.Attempt {
		a := &channelv1.Attempt{
			Key: fmt.Sprintf("%032x", i+1), Id: fmt.Sprintf("send-%d", i), App: "shop", Recipient: fmt.Sprintf("recipient-%d", i),
			Content: content, Data: []byte(data), Class: carillonv1.Class_CLASS_TRANSACTIONAL,
			Locale: "en", Attempt: 1, DeadlineMs: time.Now().Add(time.Minute).UnixMilli(),
		}
		if s.Address != nil {
			value := strings.ReplaceAll(s.Address.Value, "{i}", strconv.Itoa(i))
			a.Address = &channelv1.Address{Value: value, P256Dh: s.Address.P256dh, Auth: s.Address.Auth}
		}
		return a
	}, nil
}

// Complete gives an attempt the address and content that the channel describes,
// where it has none. The domain and numbers are kept for examples (RFC 2606, and
// 555-0100 to 555-0199 of North America).
func Complete(a *channelv1.Attempt, about *channelv1.DescribeResponse, i int) {
	if a.Address == nil {
		value := a.Recipient
		switch about.GetAddressKind() {
		case "email":
			value = fmt.Sprintf("user%d@example.com", i)
		case "phone":
			value = fmt.Sprintf("+120255501%02d", i%100)
		case "webhook":
			value = "" // a request to any URL may do something
		}
		a.Address = &channelv1.Address{Value: value}
	}
	if a.Content == nil {
		a.Content = &carillonv1.Content{}
		for _, kind := range about.GetContent() {
			switch kind {
			case "title":
				a.Content.Title = "Your order"
			case "body":
				a.Content.Body = "It has left our house."
			case "html":
				a.Content.Html = "<p>It has left our house.</p>"
			}
		}
	}
}

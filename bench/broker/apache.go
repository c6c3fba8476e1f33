package broker

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"text/template"
	"time"
)

// KafkaVersion is the Apache Kafka that StartKafka runs.
const KafkaVersion = "4.1.1"

// Console tools of Apache Kafka, for Tool.
const (
	ConsoleProducer = "org.apache.kafka.tools.ConsoleProducer"
	ConsoleConsumer = "org.apache.kafka.tools.consumer.ConsoleConsumer"
	TopicCommand    = "org.apache.kafka.tools.TopicCommand"
)

// clusterID is any 16 bytes in URL-safe base64; storage is formatted for it.
const clusterID = "Q2FyaWxsb24tdGVzdHMtMQ"

//go:embed server.properties
var serverProperties string

var serverTemplate = template.Must(template.New("server.properties").Parse(serverProperties))

// StartKafka starts Apache Kafka: one KRaft node on loopback. It needs Java 17
// or later, and Maven once, to fetch Kafka (45 MB) into the user's cache. It
// returns when the broker answers; ctx bounds the start, not the life.
func StartKafka(ctx context.Context, o Options) (*Broker, error) {
	java, err := javaCommand(ctx)
	if err != nil {
		return nil, err
	}
	ports, err := FreePorts(2)
	if err != nil {
		return nil, err
	}
	if o.Port != 0 {
		ports[0] = o.Port
	}
	heap := o.Heap
	if heap == "" {
		heap = "512m"
	}
	b := &Broker{
		name:  "Apache Kafka " + KafkaVersion,
		addr:  loopback(ports[0]),
		dir:   o.Dir,
		grace: 20 * time.Second,
		limit: 90 * time.Second,
	}
	properties, err := writeProperties(o.Dir, b.addr, ports[1])
	if err != nil {
		return nil, err
	}
	if err := format(ctx, java, o.Dir, properties); err != nil {
		return nil, err
	}
	b.start = func() *exec.Cmd {
		return java.run(context.Background(), []string{"-Xmx" + heap}, "kafka.Kafka", properties)
	}
	return b.open(ctx)
}

// writeProperties writes the broker's configuration into dir and returns its
// path.
func writeProperties(dir, addr string, controllerPort int) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("finding Kafka's directory: %w", err)
	}
	var text bytes.Buffer
	err = serverTemplate.Execute(&text, map[string]any{
		"Addr":           addr,
		"ControllerPort": controllerPort,
		"Data":           filepath.ToSlash(filepath.Join(dir, "data")),
	})
	if err != nil {
		return "", fmt.Errorf("writing Kafka's server.properties: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o755); err != nil {
		return "", fmt.Errorf("making Kafka's directory: %w", err)
	}
	path := filepath.Join(dir, "server.properties")
	if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
		return "", fmt.Errorf("writing Kafka's server.properties: %w", err)
	}
	return path, nil
}

// format prepares the storage of a new node, and leaves that of an old one.
func format(ctx context.Context, java javaRuntime, dir, properties string) error {
	_, err := os.Stat(filepath.Join(dir, "data", "meta.properties"))
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking for Kafka's storage: %w", err)
	}
	cmd := java.run(ctx, []string{"-Xmx256m"}, "kafka.tools.StorageTool", "format", "-t", clusterID, "-c", properties)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("formatting Kafka's storage in %s: %w:\n%s", dir, err, out)
	}
	return nil
}

// Tool returns a command that runs one of Kafka's own tools, such as
// ConsoleProducer, with Kafka on its class path. It is not started.
func Tool(ctx context.Context, class string, args ...string) (*exec.Cmd, error) {
	java, err := javaCommand(ctx)
	if err != nil {
		return nil, err
	}
	return java.run(ctx, []string{"-Xmx256m"}, class, args...), nil
}

package broker

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed pom.xml
var pom []byte

//go:embed log4j2.properties
var log4j []byte

// mavenCopy is pinned: without a version Maven asks for the newest one.
const mavenCopy = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"

// javaRuntime is a Java with Kafka on its class path.
type javaRuntime struct {
	java string // the command
	home string // pom.xml, log4j2.properties, libs/
}

// run returns a command that runs the main class.
func (j javaRuntime) run(ctx context.Context, jvm []string, class string, args ...string) *exec.Cmd {
	jvm = append(append([]string{}, jvm...),
		"-Dlog4j2.configurationFile="+filepath.Join(j.home, "log4j2.properties"),
		"-cp", filepath.Join(j.home, "libs", "*"), // Java expands it
		class)
	return exec.CommandContext(ctx, j.java, append(jvm, args...)...)
}

// javaCommand finds Java and Kafka, which it fetches when the cache has none.
func javaCommand(ctx context.Context) (javaRuntime, error) {
	java, err := exec.LookPath("java")
	if err != nil {
		return javaRuntime{}, fmt.Errorf("Apache Kafka needs Java 17 or later: install it (Debian: apt-get install openjdk-17-jre-headless) or use the embedded broker: %w", err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return javaRuntime{}, fmt.Errorf("finding a place for Kafka's files: %w", err)
	}
	// Named by what is in it, so that a changed pom.xml is fetched anew.
	sum := sha256.Sum256(append(append([]byte{}, pom...), log4j...))
	home := filepath.Join(cache, "carillon", fmt.Sprintf("kafka-%s-%x", KafkaVersion, sum[:4]))
	if _, err := os.Stat(home); err != nil {
		if err := fetch(ctx, home); err != nil {
			return javaRuntime{}, fmt.Errorf("fetching Apache Kafka %s with Maven: %w", KafkaVersion, err)
		}
	}
	return javaRuntime{java: java, home: home}, nil
}

// fetch fills a directory beside home and renames it, so that home is whole or
// not there, also when several processes fetch at once.
func fetch(ctx context.Context, home string) error {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return fmt.Errorf("install it (Debian: apt-get install maven); it is needed once: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(home), 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(filepath.Dir(home), "fetch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	err = errors.Join(
		os.WriteFile(filepath.Join(dir, "pom.xml"), pom, 0o644),
		os.WriteFile(filepath.Join(dir, "log4j2.properties"), log4j, 0o644),
	)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, mvn, "--batch-mode", "--quiet", "--no-transfer-progress",
		"--file", filepath.Join(dir, "pom.xml"), "-Dkafka.version="+KafkaVersion, mavenCopy,
		"-DincludeScope=runtime", "-DoutputDirectory="+filepath.Join(dir, "libs"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w; the registry must be reachable, or a mirror set in Maven's settings.xml:\n%s", err, out)
	}
	if err := os.Rename(dir, home); err != nil {
		if _, there := os.Stat(home); there == nil {
			return nil // another process was faster
		}
		return err
	}
	return nil
}

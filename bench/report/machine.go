package report

import (
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Machine is what a run was measured on. What isn't known is empty.
type Machine struct {
	OS          string `json:"os"`
	Arch        string `json:"arch"`
	Kernel      string `json:"kernel"`
	CPU         string `json:"cpu"` // its model
	CPUs        int    `json:"cpus"`
	MemoryBytes int64  `json:"memory_bytes"`
}

// ThisMachine returns what is known of the one that this runs on. Kernel, model
// and memory come from /proc (proc_cpuinfo(5), proc_meminfo(5)), so that on
// other systems than Linux they stay empty. It names no host.
func ThisMachine() Machine {
	m := machineFrom(os.DirFS("/proc"))
	m.OS, m.Arch, m.CPUs = runtime.GOOS, runtime.GOARCH, runtime.NumCPU()
	return m
}

func machineFrom(proc fs.FS) Machine {
	read := func(name string) string {
		text, err := fs.ReadFile(proc, name)
		if err != nil {
			return ""
		}
		return string(text)
	}
	m := Machine{
		Kernel: strings.TrimSpace(read("sys/kernel/osrelease")),
		CPU:    valueOf(read("cpuinfo"), "model name"),
	}
	kib, unit, _ := strings.Cut(valueOf(read("meminfo"), "MemTotal"), " ")
	if n, err := strconv.ParseInt(kib, 10, 64); err == nil && unit == "kB" {
		m.MemoryBytes = n << 10
	}
	return m
}

// valueOf returns what the first line "name : value" says.
func valueOf(text, name string) string {
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.Join(strings.Fields(value), " ")
		}
	}
	return ""
}

// String is a phrase for people.
func (m Machine) String() string {
	var parts []string
	if m.CPU != "" {
		parts = append(parts, m.CPU)
	}
	if m.CPUs > 0 {
		parts = append(parts, Plural(m.CPUs, "CPU"))
	}
	if m.MemoryBytes > 0 {
		parts = append(parts, fmt.Sprintf("%.1f GiB", float64(m.MemoryBytes)/(1<<30)))
	}
	return strings.Join(append(parts, strings.Join(strings.Fields(m.OS+" "+m.Kernel+" "+m.Arch), " ")), ", ")
}

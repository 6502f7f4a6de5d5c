package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	// switchedOn names, in a mutant's environment, the mutation that it is to show.
	switchedOn = "PRICEFETCH_MUTANT"
	// caught is the exit status of a mutant in which a violation was found.
	caught = 3
)

// overlay reads the files that mutations change and returns them changed, by their path below root.
func overlay(root string, mutations []mutation) (map[string]string, error) {
	files := map[string]string{}
	for _, m := range mutations {
		for _, e := range m.edits {
			text, ok := files[e.file]
			if !ok {
				data, err := os.ReadFile(filepath.Join(root, e.file))
				if err != nil {
					return nil, fmt.Errorf("mutation %q: %w", m.name, err)
				}
				text = string(data)
			}
			if n := strings.Count(text, e.old); n != 1 {
				return nil, fmt.Errorf("mutation %q: %s has %q %d times, expected once: the code has changed, change the mutation with it", m.name, e.file, e.old, n)
			}
			files[e.file] = strings.Replace(text, e.old, e.new, 1)
		}
	}
	for _, file := range slices.Sorted(maps.Keys(files)) {
		dir := filepath.Dir(file)
		files[filepath.Join(dir, "mutant.go")] = fmt.Sprintf("package %s\n\nimport \"os\"\n\nvar theMutant = os.Getenv(%q)\n\nfunc mutant(name string) bool { return name == theMutant }\n",
			filepath.Base(dir), switchedOn)
	}
	return files, nil
}

// build makes one program that holds every mutation, switched off.
func build(ctx context.Context, root, dir string) (string, error) {
	files, err := overlay(root, mutations)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for file, text := range files {
		to := filepath.Join(dir, strings.ReplaceAll(file, "/", "-"))
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(root, file)] = to
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, data, 0o600); err != nil {
		return "", err
	}
	program := filepath.Join(dir, "mutant")
	cmd := exec.CommandContext(ctx, goCommand(), "build", "-overlay", list, "-o", program, "./internal/mailtest/model/run")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build mutants: %w\n%s", err, out)
	}
	return program, nil
}

func goCommand() string {
	if command := os.Getenv("GO"); command != "" {
		return command
	}
	return "go"
}

// moduleRoot is where the sources are.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, goCommand(), "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}

// hunt lets each mutant run until it is caught, or for at most that many runs, and tells how many were caught.
func hunt(ctx context.Context, runs int, seed uint64) (int, error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	program, err := build(ctx, root, dir)
	if err != nil {
		return 0, err
	}
	found := 0
	for _, m := range mutations {
		cmd := exec.CommandContext(ctx, program, "-runs", strconv.Itoa(runs), "-seed", strconv.FormatUint(seed, 10), "-mutant")
		cmd.Env = append(os.Environ(), switchedOn+"="+m.name)
		out, err := cmd.CombinedOutput()
		lines := strings.TrimSpace(string(out))
		exit, ended := errors.AsType[*exec.ExitError](err)
		switch {
		case ended && exit.ExitCode() == caught:
			found++
			fmt.Printf("  caught: %-50s %s\n", m.name, lines)
		case err == nil:
			fmt.Printf("  NOT CAUGHT: %s in %d runs\n", m.name, runs)
		default:
			return found, fmt.Errorf("run mutant %q: %w\n%s", m.name, err, lines)
		}
	}
	return found, nil
}

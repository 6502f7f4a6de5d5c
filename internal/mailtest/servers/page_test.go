//go:build servers

package servers

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// page is what admins read; its table is held against what was measured.
const page = "../../../configs/SERVERS.md"

// The table stands between these lines.
const (
	tableBegin = "<!-- measured by make servers -->\n"
	tableEnd   = "<!-- end of what was measured -->\n"
)

// comparePage compares the page with what was measured, or writes that into it.
func comparePage(measured map[string][]fact, update bool) error {
	data, err := os.ReadFile(page)
	if err != nil {
		return fmt.Errorf("read page: %w", err)
	}
	head, rest, ok := strings.Cut(string(data), tableBegin)
	_, foot, ends := strings.Cut(rest, tableEnd)
	if !ok || !ends {
		return fmt.Errorf("read page: %s has no place for the table", page)
	}
	want := head + tableBegin + render(measured) + tableEnd + foot
	if want == string(data) {
		return nil
	}
	if !update {
		return fmt.Errorf("configs/SERVERS.md is not what was measured; see what differs, then write it with -update:\n%s", render(measured))
	}
	return os.WriteFile(page, []byte(want), 0o644)
}

// render makes a table with a column for each server.
func render(measured map[string][]fact) string {
	var names []string
	for _, r := range recipes {
		for _, f := range measured[r.name] {
			if !slices.Contains(names, f.Name) {
				names = append(names, f.Name)
			}
		}
	}
	var b strings.Builder
	b.WriteString("| |")
	for _, r := range recipes {
		b.WriteString(" " + r.name + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(recipes)) + "\n")
	for _, name := range names {
		b.WriteString("| " + name + " |")
		for _, r := range recipes {
			b.WriteString(" " + valueOf(measured[r.name], name) + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func valueOf(facts []fact, name string) string {
	at := slices.IndexFunc(facts, func(f fact) bool { return f.Name == name })
	if at < 0 {
		return "–"
	}
	return facts[at].Value
}

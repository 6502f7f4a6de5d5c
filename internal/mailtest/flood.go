package mailtest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// SupplierRules are five rules of the kind that admins write, as they stand in a configuration.
const SupplierRules = `rules:
  - {name: autoparts, from: ["*@autoparts.example"], files: ["*.{xls,xlsx}"]}
  - {name: kolesa, from: ["kolesa.example"], files: ["*остатки*"]}
  - {name: maslo, from: [price@maslo.example], subject: ["*прайс*"], files: ["*.csv"]}
  - {name: filter, from: ["*.filter.example"], files: ["*"], exclude: ["*old*"]}
  - {name: optom, from: ["*@optom.example"], files: ["*.zip"], save_to: optom/zip}
`

// How much a Flood brings.
const (
	FloodMessages = 200
	FloodWanted   = 40
)

// Flooded is one message of a Flood. Path is where SupplierRules have its file saved, "" if they do not want it, and Sum
// the SHA-256 of that file.
type Flooded struct {
	ID        string // Message-ID without angle brackets
	Raw       []byte
	Received  time.Time
	Path, Sum string
}

// flooders are the senders of what the rules want, each with the folder and the name of its n-th file.
var flooders = []struct{ from, subject, dir, name string }{
	{"Автозапчасти <price@autoparts.example>", "Прайс", "autoparts", "Прайс автозапчасти %d.xlsx"},
	{`"Колёса, ООО" <sklad@kolesa.example>`, "Остатки", "kolesa", "Остатки на складе %d.csv"},
	{"price@maslo.example", "Свежий ПРАЙС-лист", "maslo", "масло_%d.csv"},
	{"<bot@mail.filter.example>", "", "filter", "filter %d.txt"},
	{"Оптом <o@optom.example>", "From here on", "optom/zip", "оптом-%d.zip"},
}

// Flood makes a user's FloodMessages, every fifth of them wanted, each received a second before the one ahead of it: some
// servers tell messages apart by that. The same arguments give the same octets.
func Flood(user string, received time.Time) []Flooded {
	all := make([]Flooded, FloodMessages)
	for i := range all {
		f := Flooded{ID: fmt.Sprintf("%s-%d@flood.example", user, i), Received: received.Add(-time.Duration(i) * time.Second)}
		o := MessageOptions{From: "Реклама <news@spam.example>", Subject: "Скидки", Date: f.Received, ID: f.ID, Received: f.Received,
			Text:  "From Monday on\r\n.a dot\r\n..\r\nFrom here\r\n",
			Files: []Attachment{{Name: fmt.Sprintf("акция-%d.xls", i), Content: Fill(i, 3000)}}}
		if n := i / 5; i%5 == 0 {
			by := flooders[n%len(flooders)]
			file := Attachment{Name: fmt.Sprintf(by.name, n), Content: Fill(i, 2000+137*i), Encoding: NameEncoding(n % 5), Quoted: n%7 == 3}
			o.From, o.Subject, o.Files = by.from, by.subject, []Attachment{file}
			if by.dir == "filter" {
				o.Files = append(o.Files, Attachment{Name: fmt.Sprintf("filter_old %d.txt", n), Content: Fill(i, 100)})
			}
			f.Path, f.Sum = by.dir+"/"+file.Name, Sum(file.Content)
		}
		f.Raw = Message(o)
		all[i] = f
	}
	return all
}

// Fill makes n octets that are different for each seed, with every value among them.
func Fill(seed, n int) []byte {
	out := make([]byte, n)
	x := uint32(seed*2654435761 + 1)
	for i := range out {
		x = x*1664525 + 1013904223
		out[i] = byte(x >> 24)
	}
	return out
}

// Sum is the SHA-256 of data in hex.
func Sum(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

// Imported returns the Sum of every file below an import directory, by its path there; what is on its way is not looked at.
func Imported(root string) (map[string]string, error) {
	out := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == ".pricefetch" {
			return filepath.SkipDir
		}
		if d.IsDir() {
			return nil
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(root, path) // path is below root
		out[rel] = Sum(data)
		return err
	})
	return out, err
}

// Differences tells where what was imported is not what was wanted, both as Imported gives it.
func Differences(got, want map[string]string) []string {
	var all []string
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if got[path] != want[path] {
			all = append(all, fmt.Sprintf("%s: got %.12q, want %.12q", path, got[path], want[path]))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[path]; !ok {
			all = append(all, path+": not wanted")
		}
	}
	return all
}

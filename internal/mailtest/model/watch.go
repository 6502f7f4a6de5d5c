package model

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"pricefetch/internal/mail"
)

// slotKey is one attachment of one letter.
type slotKey struct {
	l *letter
	i int
}

// seen is a file in the import directory.
type seen struct {
	inode uint64
	key   slotKey
}

// look compares the import directory with what it held before. It is called after every rename, so that no file comes
// and goes unnoticed; then the importer has its turn.
func (w *World) look() {
	there := map[string]bool{}
	for _, dir := range []string{"alpha", "gamma", "beta"} {
		entries, err := os.ReadDir(filepath.Join(w.path("import"), dir))
		if err != nil {
			continue // not made yet
		}
		for _, e := range entries {
			path := dir + "/" + e.Name()
			there[path] = true
			w.found(dir, e.Name(), path)
		}
	}
	for path := range w.files {
		if !there[path] {
			w.violate("%s vanished from the import directory, and the importer did not take it", path)
			delete(w.files, path)
		}
	}
	if w.eager {
		w.take()
	}
}

// found judges one file that is in the import directory.
func (w *World) found(dir, name, path string) {
	info, err := os.Lstat(filepath.Join(w.path("import"), path))
	if err != nil {
		w.violate("look at %s: %v", path, err)
		return
	}
	inode := info.Sys().(*syscall.Stat_t).Ino
	old, known := w.files[path]
	if known && old.inode == inode {
		return
	}
	content, err := os.ReadFile(filepath.Join(w.path("import"), path))
	if err != nil {
		w.violate("read %s: %v", path, err)
		return
	}
	keys := w.contents[string(content)]
	switch {
	case len(keys) == 0:
		w.violate("%s has content that nobody sent: %.60q", path, content)
		return
	case known && dir != "beta":
		w.violate("%s was overwritten by %s, and its rule does not replace", path, keys[0].l)
	}
	w.files[path] = seen{inode, keys[0]}
	w.appeared(dir, name, keys)
}

// appeared notes that an attachment was published.
func (w *World) appeared(dir, name string, keys []slotKey) {
	l := keys[0].l
	original := l.slots[keys[0].i].name
	w.note("   published %s/%s: %s", dir, name, l)
	for _, key := range keys {
		w.published[key] = w.now
	}
	w.outs[outKey{dir, keys[0]}]++
	if n := w.outs[outKey{dir, keys[0]}]; n > len(keys) {
		w.violate("%s of %s is published a %d. time for rule %s", original, l, n, dir)
	}
	if !safe(name, original) {
		w.violate("%s of %s is published as %q, which is not safe", original, l, name)
	}
	wanted := false
	for _, r := range w.history {
		wanted = wanted || r.of(l, l.slots[keys[0].i]).rule == dir
	}
	if !wanted {
		w.violate("%s of %s is published for rule %s, which never wanted it", original, l, dir)
	}
	if (dir == "beta" || w.newest(dir)) && !w.skewed && l.dated() && l.received.Before(w.now) {
		if newest := w.newestList[dir]; l.received.Before(newest) {
			w.violate("%s, received %s, is published over a newer list, received %s", l, stamp(l.received), stamp(newest))
		}
		w.newestList[dir] = l.received
	}
}

// newest tells whether a rule takes the newest letter only.
func (w *World) newest(rule string) bool { return w.schedule.Newest && rule != "gamma" }

// outKey counts an attachment by rule; of equal ones in one letter the first stands for all.
type outKey struct {
	rule string
	key  slotKey
}

// safe tells whether a name is fit for an import directory and made from the original.
func safe(name, original string) bool {
	base := original[strings.LastIndex(original, "/")+1:]
	stem := strings.TrimSuffix(base, ".csv")
	return !strings.HasPrefix(name, ".") && !strings.ContainsAny(name, "/\\\x00\r\n") && len(name) <= 255 && utf8.ValidString(name) &&
		strings.HasSuffix(name, ".csv") && strings.HasPrefix(name, stem[:4])
}

// plant lets somebody else put a file where one of ours may be about to appear. Only a rule that replaces may touch it.
func (w *World) plant(n int) {
	w.putTheirs([]string{"alpha/price.csv", "gamma/stock.csv", "alpha/price (2).csv"}[n%3])
}

// rival puts somebody else's file under a name that an intent has just taken, if the schedule has one.
func (w *World) rival(files []mail.File) {
	for _, f := range files {
		if w.schedule.Rival && !w.calm && f.State == mail.FileIntended && !f.Replace {
			w.putTheirs(f.Dir + "/" + f.Name)
			w.cover("state", "a name was taken after the intent")
		}
	}
}

func (w *World) putTheirs(path string) {
	full := filepath.Join(w.path("import"), path)
	if _, there := w.files[path]; there || os.MkdirAll(filepath.Dir(full), 0o750) != nil {
		return
	}
	if err := os.WriteFile(full, []byte(theirs), 0o640); err != nil {
		w.violate("put a file: %v", err)
		return
	}
	info, err := os.Lstat(full)
	if err != nil {
		w.violate("look at %s: %v", path, err)
		return
	}
	w.files[path] = seen{inode: info.Sys().(*syscall.Stat_t).Ino}
}

// theirs is what somebody else's files hold.
const theirs = "somebody's own list"

// take is the importer: it takes every file that it sees.
func (w *World) take() {
	for path := range w.files {
		if err := os.Remove(filepath.Join(w.path("import"), path)); err != nil {
			w.violate("importer cannot take %s: %v", path, err)
		}
		delete(w.files, path)
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

// promise notes files that a committed intent names, and that are staged: they are as good as out. An intent that was
// given up promises nothing.
func (w *World) promise(files []mail.File, kept bool) {
	for _, f := range files {
		if f.State != mail.FileIntended {
			continue
		}
		for _, key := range w.sums[f.SHA256] {
			if _, out := w.durable(key); !out { // by the rules of then; a copy may be judged later
				w.judgedAt[key] = w.now
			}
			w.promised[key] = kept
		}
	}
}

// durable tells whether an attachment is out, or bound to come out, and when that was judged.
func (w *World) durable(key slotKey) (time.Time, bool) {
	_, out := w.published[key]
	return w.judgedAt[key], out || w.promised[key]
}

//go:build faults

package main

import (
	"database/sql"
	"fmt"
	"path/filepath"
)

// killedMigration: the program of the next journal version is killed while it copies and migrates the journal. What was
// saved before is known afterwards, and the copy of the old journal is there, whole.
func killedMigration() []round {
	var all []round
	for _, k := range []killCall{{"openat", 40, 4}, {"pwrite64", 90, 6}, {"write", 4, 1}, {"fsync", 9, 1}, {"unlinkat", 3, 1}} {
		for n := 1; n <= k.most; n += k.stride {
			all = append(all, round{fmt.Sprintf("%s-%d", k.name, n), func(x *trial) {
				newer, err := x.lab.newer()
				if err != nil {
					x.Fatal(err)
				}
				r := prepared(x, "", "")
				r.importer.start()
				r.run("once") // there is something to lose
				r.importer.stop()
				r.deliver()
				r.bin = newer
				r.settle(r.round(r.traced("", fmt.Sprintf("%s:signal=KILL:when=%d", k.name, n))))
				r.copied()
			}})
		}
	}
	return all
}

// copied looks at the copy that a migration makes first.
func (r *rig) copied() {
	r.t.Helper()
	paths, _ := filepath.Glob(filepath.Join(r.stateDir(), "journal.db.before-v*"))
	if len(paths) != 1 {
		r.x.complain("the journal was migrated, and its copies are %v: want one", paths)
		return
	}
	db, err := sql.Open("sqlite", "file:"+paths[0]+"?mode=ro")
	if err != nil {
		r.t.Fatal(err)
	}
	defer db.Close()
	var verdict string
	var saved int
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		r.x.complain("the copy of the journal is not whole: %s %v", verdict, err)
	}
	if err := db.QueryRow("SELECT count(*) FROM record WHERE outcome = 'saved'").Scan(&saved); err != nil || saved == 0 {
		r.x.complain("the copy of the journal knows %d saved messages (%v)", saved, err)
	}
}

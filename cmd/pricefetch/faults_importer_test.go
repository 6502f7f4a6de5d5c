//go:build faults

package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// taker is an importer that takes files at any moment: it moves them away within their file system, so that the disk
// itself tells afterwards what was taken, also across a power cut.
type taker struct {
	r     *rig
	syncs bool // it syncs what it took; the disk must then keep that
	done  chan struct{}
	wait  sync.WaitGroup
	mu    sync.Mutex
	next  int
	acked map[string]string // name below taken: SHA-256
}

func newTaker(r *rig, syncs bool) *taker {
	r.importer = &taker{r: r, syncs: syncs, acked: map[string]string{}}
	return r.importer
}

func (k *taker) start() {
	k.done = make(chan struct{})
	k.wait.Go(func() {
		tick := time.NewTicker(500 * time.Microsecond)
		defer tick.Stop()
		for {
			k.take()
			select {
			case <-k.done:
				k.take()
				return
			case <-tick.C:
			}
		}
	})
}

func (k *taker) stop() {
	close(k.done)
	k.wait.Wait()
}

// take moves what is there. Its own disk may be the faulty one: what cannot be moved stays for the next time.
func (k *taker) take() {
	dir := filepath.Join(k.r.importDir(), "autoparts")
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		k.r.event("FILE")
		k.next++
		name := fmt.Sprintf("%d-%s", k.next, e.Name())
		to := filepath.Join(k.r.takenDir(), name)
		if os.Rename(filepath.Join(dir, e.Name()), to) != nil {
			continue
		}
		data, err := os.ReadFile(to)
		if err != nil {
			continue
		}
		if k.r.contents[sum(data)] == nil {
			k.r.x.complain("the importer saw %s with %d bytes, which is not as any letter had it", e.Name(), len(data))
		}
		if k.syncs && syncDir(k.r.takenDir()) == nil && syncDir(dir) == nil {
			k.mu.Lock()
			k.acked[name] = sum(data)
			k.mu.Unlock()
		}
	}
}

// kept is what the importer took and synced.
func (k *taker) kept() map[string]string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.acked)
}

func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

package daemon

import (
	"context"
	"sync"

	"pricefetch/internal/config"
	"pricefetch/internal/journal"
	"pricefetch/internal/save"
)

// importDir is the import directory of a configuration. A journal that has never known a staging directory gets one
// as soon as it can be made; until then, and while another directory is mounted there, it is not ready.
type importDir struct {
	*save.Dir
	journal *journal.Journal
	options save.Options

	mu    sync.Mutex
	token string // of the staging directory that the journal knows; "": none yet
	made  string // the token of one that is made, and that the journal may know or not: it failed when it was told
}

// importDir opens the import directory of c; nothing needs to be mounted for that.
func (d *Daemon) importDir(ctx context.Context, c *config.Config) (*importDir, error) {
	token, err := d.journal.Staging(ctx)
	if err != nil {
		return nil, err
	}
	gid, err := groupID(c.Group)
	if err != nil {
		return nil, faultError{err}
	}
	o := save.Options{
		ImportDir: c.ImportDir, StateDir: c.StateDir, JournalID: d.journal.ID(),
		FileMode: c.FileMode, DirMode: c.DirMode, GID: gid, MinFree: c.Limits.MinFree,
	}
	if old := d.importd; old != nil && old.options == o && old.known() == token {
		return old, nil // passes that are under way publish under the same mutexes
	}
	dir, err := save.Open(o, token)
	if err != nil {
		return nil, faultError{err}
	}
	return &importDir{Dir: dir, journal: d.journal, options: o, token: token}, nil
}

func (i *importDir) known() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.token
}

// Ready tells whether files can be saved now, and makes the staging directory if the journal knows none yet.
func (i *importDir) Ready(ctx context.Context) error {
	if i.known() == "" {
		if err := i.establish(ctx, false); err != nil {
			return err
		}
	}
	return i.Dir.Ready(ctx)
}

// establish makes the staging directory and notes in the journal that this is the one. Where one is known already
// that takes again, for a person accepts the present directory in its place.
func (i *importDir) establish(ctx context.Context, again bool) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.token != "" && !again {
		return nil
	}
	if i.made == "" || again {
		token, err := i.Establish()
		if err != nil {
			return err
		}
		i.made = token
	}
	if err := i.journal.SetStaging(ctx, i.made); err != nil {
		return err
	}
	i.token, i.made = i.made, ""
	return nil
}

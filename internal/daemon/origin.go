package daemon

import (
	"context"
	"fmt"
	"time"

	"pricefetch/internal/journal"
	"pricefetch/internal/save"
)

// arrive looks where the journal comes from, before anything is swept. One that is new, or was restored from a backup,
// does not know everything that an earlier one did: raw messages that it does not name are set aside, and what it may
// have to do a second time is told.
func (d *Daemon) arrive(ctx context.Context) error {
	origin, err := d.journal.Origin(ctx)
	if err != nil {
		return err
	}
	others, err := d.importd.Others()
	if err != nil {
		d.log.Warn("the staging directories of other journals cannot be looked at", "error", err)
	}
	now, from := d.now(), origin.Copied
	older := from.IsZero() && !origin.New && d.overtaken(origin)
	if older {
		from = origin.Active
	}
	aside := 0
	if origin.New || !from.IsZero() {
		if aside, err = d.setAside(ctx); err != nil {
			return err
		}
	}
	switch {
	case older:
		d.notice(fmt.Sprintf("the journal ends at %s, and work went on in the import directory after that: it seems to be an older copy that was put in "+
			"the place of the right one, or its last entries are lost. Put the right one back if there is one. It is treated like a restored backup: files saved since "+
			"then that still lie in the import directory are recognised; what was taken from it is imported again", from.Local().Format(time.DateTime)))
	case !from.IsZero():
		d.notice(fmt.Sprintf("the journal was restored from the backup of %s: what was saved between then and now is not on record. Files of that time "+
			"that still lie in the import directory are recognised; what was taken from it is imported again", from.Local().Format(time.DateTime)))
	case origin.New && (aside > 0 || len(others) > 0):
		d.notice("the journal is new, although an earlier one was at work here: mail of the time of first_run that is still on the server is " +
			"imported once more, and nothing is deleted before it is saved again. If the earlier journal was lost: stop, put a backup in its place, start again")
	case origin.New:
		d.log.Info("the journal is new: every mailbox has its first poll")
	}
	d.reportOthers(others)
	return d.journal.Arrived(ctx, from, now)
}

// overtaken reports whether the staging directory, which changes in every pass, was at work long after the journal's
// last entry. A change that lies more than a day ahead of the clock proves nothing but that one of the two is wrong.
func (d *Daemon) overtaken(o journal.Origin) bool {
	changed, err := d.importd.Changed()
	return err == nil && !o.Active.IsZero() && !changed.After(d.now().Add(24*time.Hour)) && changed.Sub(o.Active) > d.current().Limits.Pass
}

// notice warns of what an operator has to know, whatever command made it known.
func (d *Daemon) notice(text string) {
	d.log.Warn(text)
	d.notices = append(d.notices, text)
}

// Notices are what an operator has to know of how the daemon found its state_dir.
func (d *Daemon) Notices() []string { return d.notices }

// setAside moves raw messages that the journal does not know out of the sweep's way: they may be the only copies.
func (d *Daemon) setAside(ctx context.Context) (int, error) {
	names, err := d.journal.Kept(ctx)
	if err != nil {
		return 0, err
	}
	keep := make(map[string]bool, len(names))
	for _, name := range names {
		keep[name] = true
	}
	into := "earlier-" + d.now().UTC().Format("20060102T150405Z")
	n, err := d.held.SetAside(keep, into)
	if n > 0 {
		d.notice(fmt.Sprintf("%s of an earlier journal: set aside in held/%s. Look at what is there with `pricefetch explain`, take what is wanted, and remove the rest",
			count(n, "raw message", "raw messages"), into))
	}
	return n, err
}

// reportOthers names the staging directories that this journal does not know. They may be in use by another pricefetch
// that saves into the same import directory: nothing of them is removed.
func (d *Daemon) reportOthers(others []save.Other) {
	for _, o := range others {
		d.log.Warn("another journal's staging directory is in import_dir; if no other pricefetch saves here it is of a lost journal: remove it. "+
			"Its messages are still on their servers", "path", o.Path, "files", o.Files, "bytes", o.Bytes, "changed", o.Changed)
	}
}

package poll

import (
	"context"
	"errors"
	"io"
	"slices"

	"pricefetch/internal/mail"
)

// batchSize is how many messages are asked for at once: large enough to hide the round trip, small enough that a
// batch is journalled and recovered without effort.
const batchSize = 50

// fetch matches senders, reads the wanted messages and publishes what they carry.
func (r *run) fetch(ctx context.Context) error {
	var wanted []mail.Record
	for _, f := range r.folders {
		work, err := r.Journal.Work(ctx, r.Mailbox, f.listing.Folder, r.Now())
		if err != nil {
			return err
		}
		wanted = append(wanted, work...)
	}
	wanted, err := r.readable(ctx, wanted)
	if err != nil {
		return err
	}
	if wanted, err = r.match(ctx, wanted); err != nil {
		return err
	}
	for {
		newest, err := r.newest(ctx)
		if err != nil {
			return err
		}
		if wanted = append(wanted, newest...); len(wanted) == 0 {
			return nil
		}
		if err := r.read(ctx, wanted); err != nil {
			return err
		}
		wanted = nil
	}
}

// read reads messages, batch by batch, and holds those that are too large.
func (r *run) read(ctx context.Context, wanted []mail.Record) error {
	wanted, err := r.notOversize(ctx, wanted)
	if err != nil {
		return err
	}
	r.report.Wanted += len(wanted)
	for _, batch := range batches(wanted) {
		if r.stopping() {
			return mail.ErrStopping
		}
		if err := r.fetchBatch(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// batches cuts the work into what is asked for at once: first whole batches, then one by one what was in a batch that
// got lost, then what failed before. A message that kills the connection each time so never blocks the next.
func batches(work []mail.Record) [][]mail.Record {
	var plain []mail.Record
	var single [][]mail.Record
	doubt := func(rec mail.Record) int {
		switch {
		case rec.Outcome == mail.Failed:
			return 2
		case rec.Losses > 0:
			return 1
		default:
			return 0
		}
	}
	sorted := slices.Clone(work)
	slices.SortStableFunc(sorted, func(a, b mail.Record) int { return doubt(a) - doubt(b) })
	for _, rec := range sorted {
		if rec.Solo || rec.Kept != "" || doubt(rec) > 0 {
			single = append(single, []mail.Record{rec})
		} else {
			plain = append(plain, rec)
		}
	}
	return append(slices.Collect(slices.Chunk(plain, batchSize)), single...)
}

// fetchBatch asks for one batch. Whatever it does not come to the end of is journalled without blame, unless the
// session was lost: then against the message in hand.
func (r *run) fetchBatch(ctx context.Context, batch []mail.Record) error {
	d := &delivery{ctx: ctx, run: r, items: map[mail.Ref]*item{}}
	var refs []mail.Ref
	var ids []mail.RecordID
	for _, rec := range batch {
		receipts, err := r.Journal.Receipts(ctx, rec.ID)
		if err != nil {
			return err
		}
		ref := r.ref(rec)
		refs, ids = append(refs, ref), append(ids, rec.ID)
		d.items[ref] = newItem(rec, receipts)
	}
	if err := r.Journal.Asking(ctx, r.Mailbox, ids); err != nil {
		return err
	}
	err := r.source(batch).Fetch(ctx, refs, d)
	d.discard()
	if err != nil && d.abort == nil && !cancelled(ctx) && mail.ClassOf(err) != mail.Storage {
		ctx = context.WithoutCancel(ctx)
		return errors.Join(err, d.suspect(ctx, batch), r.lost(ctx, err.Error()))
	}
	if aerr := r.Journal.Asked(context.WithoutCancel(ctx), r.Mailbox); err == nil {
		err = aerr
	}
	if d.abort != nil {
		return d.abort
	}
	return errors.Join(err, r.keepRaw(ctx, d.toKeep))
}

// suspect finds the message in hand where the session was lost before one began to arrive: over POP3 messages are asked
// for one after the other, and alone a message has nobody to share the blame with. A message whose very first octet
// never comes would otherwise be asked for in each pass, before those behind it.
func (d *delivery) suspect(ctx context.Context, batch []mail.Record) error {
	if !d.run.transactional() && len(batch) > 1 {
		return nil
	}
	for _, rec := range batch {
		it, waits := d.items[d.run.ref(rec)]
		if waits && it.begun {
			return nil // the journal knows
		}
		if waits {
			return d.run.Journal.InHand(ctx, rec.ID)
		}
	}
	return nil
}

// cancelled reports whether somebody ended the pass. One that ran into its total limit was not: the message in hand
// may be one that never ends.
func cancelled(ctx context.Context) bool {
	return ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded)
}

// source is where a batch is read from: the server, or the raw message that was kept when it was held.
func (r *run) source(batch []mail.Record) Fetcher {
	if len(batch) == 1 && batch[0].Kept != "" {
		return r.OpenKept(batch[0])
	}
	return r.session
}

// delivery is the handler of one batch: it decides about each part and stages what is wanted.
type delivery struct {
	ctx    context.Context
	run    *run
	items  map[mail.Ref]*item
	toKeep []mail.Record // held just now: their raw message is to be kept
	abort  error         // why Fetch was ended from this side
}

// item is one message while it arrives.
type item struct {
	rec      mail.Record
	receipts map[string]mail.File // by part, or by part and member: never published twice
	rules    map[string]string    // by part: the rule that takes it
	unpack   map[string]bool      // by part: if it is an archive, it is opened
	parts    []mail.PartNote
	staged   []mail.File
	damaged  []string
	tooLarge []string
	locked   []string // archives that cannot be opened, each with the reason
	missed   []string // refused by a mask although the sender is wanted
	begun    bool     // it has begun to arrive
	paused   string   // a disabled rule that wants something of it
	putOff   []string // rules with take: newest that want something of it, which waits for the contest
	remarks  []string // what is odd about it
	links    []string // hosts of links to files in its text

	stranger *mail.Envelope // of the message that came in its place; nil: it is itself
}

func newItem(rec mail.Record, receipts []mail.File) *item {
	it := &item{rec: rec, receipts: map[string]mail.File{}, rules: map[string]string{}, unpack: map[string]bool{}}
	for _, f := range receipts {
		it.receipts[receiptOf(f.Part, f.Member)] = f
	}
	return it
}

// Listed tells how long the server said that a message is.
func (d *delivery) Listed(ref mail.Ref) int64 {
	if it, ok := d.items[ref]; ok {
		return it.rec.Size
	}
	return -1
}

// receiptOf is the key of a receipt: a member of an archive has its own.
func receiptOf(part, member string) string {
	if member == "" {
		return part
	}
	return part + "\x00" + member
}

// Want answers which parts' bytes are to be moved.
func (d *delivery) Want(ref mail.Ref, p mail.Part) bool {
	it, ok := d.items[ref]
	if !ok || d.abort != nil {
		return false
	}
	if p.IsRoot() {
		d.begin(it)
		return false
	}
	if !p.Attachment {
		return false
	}
	return it.want(d.run, p)
}

// Identify holds the header that arrives against the one on record. Rules judged the one on record: what another
// message carries must not be saved by them.
func (d *delivery) Identify(ref mail.Ref, e mail.Envelope) bool {
	it, ok := d.items[ref]
	if !ok || it.rec.Kept != "" || it.rec.Fingerprint == e.Fingerprint {
		return true // what is kept under held/ is this message, whatever a person did to it there
	}
	it.stranger = &e
	return false
}

// begin journals that this message is now in hand, so that a death is counted against it alone.
func (d *delivery) begin(it *item) {
	if it.rec.Kept == "" {
		d.run.unsaved[it.rec.ID] = true
	}
	it.begun = true
	if err := d.run.Journal.InHand(d.ctx, it.rec.ID); err != nil {
		d.abort = err
	}
}

// want asks the rules about one attachment and notes their answer.
func (it *item) want(r *run, p mail.Part) bool {
	note := mail.PartNote{Path: p.Path, Name: p.Name, RawName: p.RawName, Type: p.Type, Referenced: p.Referenced}
	if f, out := it.receipts[p.Path]; out {
		note.Rule = f.Rule
		it.parts = append(it.parts, note)
		return false
	}
	decision := r.Rules.File(it.rec.Envelope, p)
	note.Rule = decision.Rule
	if decision.Rule == "" {
		note.Reason = refusals(decision.Refusals)
	}
	if decision.NearMiss {
		it.missed = append(it.missed, p.Name)
	}
	if decision.Disabled != "" {
		it.paused = decision.Disabled
	}
	it.parts = append(it.parts, note)
	if decision.Rule != "" && r.postpones(it.rec.Ref, decision.Rule) {
		if !slices.Contains(it.putOff, decision.Rule) {
			it.putOff = append(it.putOff, decision.Rule)
		}
		return false
	}
	it.rules[p.Path], it.unpack[p.Path] = decision.Rule, decision.Unpack
	return decision.Rule != ""
}

// Part stages one wanted attachment. A damaged one concerns this message, a full disk ends the pass.
func (d *delivery) Part(ref mail.Ref, p mail.Part, content io.Reader) error {
	it, ok := d.items[ref]
	if !ok || p.IsRoot() {
		return nil
	}
	limit := d.run.MessageSize
	if it.rec.Forced {
		limit = 0
	}
	staged, err := d.run.Import.Stage(d.ctx, content, limit)
	switch {
	case errors.Is(err, mail.ErrDamaged):
		it.damaged = append(it.damaged, p.Name)
		return nil
	case errors.Is(err, mail.ErrTooLarge):
		it.tooLarge = append(it.tooLarge, p.Name)
		return nil
	case err != nil:
		if mail.ClassOf(err) == mail.Storage {
			d.abort = err
		}
		return err
	}
	rule := it.rules[p.Path]
	to := d.run.Destination(rule)
	it.staged = append(it.staged, mail.File{
		Record: it.rec.ID, Part: p.Path, Rule: rule, Original: p.Name, RawName: p.RawName,
		Dir: to.Dir, Replace: to.Replace, Newest: to.Newest || d.run.contest.first[it.rec.Ref], Staged: staged,
		Received: received(it.rec),
	})
	d.run.report.Bytes += staged.Size
	return nil
}

// Remark notes what is odd about a message that is taken all the same.
func (d *delivery) Remark(ref mail.Ref, text string) {
	if it, ok := d.items[ref]; ok {
		it.remarks = append(it.remarks, text)
		d.run.Log.Warn("message is odd", "message", it.rec.ID, "reason", text)
	}
}

// Done ends one message: what came whole is judged and published before the next one is read.
func (d *delivery) Done(ref mail.Ref, err error) error {
	it, ok := d.items[ref]
	if !ok {
		return d.abort
	}
	if d.abort == nil {
		d.abort = d.settle(it, err)
	}
	delete(d.items, ref)
	d.drop(it)
	d.run.report.Read++
	d.run.progress()
	if d.abort == nil && d.run.stopping() {
		d.abort = mail.ErrStopping
	}
	return d.abort
}

// settle judges one message that has arrived, or did not.
func (d *delivery) settle(it *item, err error) error {
	// The message in hand is finished and recorded even if the pass is being cancelled.
	ctx := context.WithoutCancel(d.ctx)
	switch {
	case err == nil:
		if err := d.run.unpack(d.ctx, it); err != nil {
			return err
		}
		return d.run.conclude(ctx, it, d)
	case mail.ClassOf(err) == mail.Message, it.rec.Kept != "":
		return d.run.fail(ctx, it, err.Error(), d)
	default: // the session's trouble
		d.run.Log.Warn("message cannot be read now; it stays as it is", "message", it.rec.ID, "error", err)
		return nil
	}
}

// drop removes what was staged of a message and not published.
func (d *delivery) drop(it *item) {
	for _, f := range it.staged {
		if err := d.run.Import.Discard(f.Staged.Name); err != nil {
			d.run.Log.Warn("staged file cannot be removed", "file", f.Staged.Name, "error", err)
		}
	}
	it.staged = nil
}

// discard removes what was staged of messages that never came to their end.
func (d *delivery) discard() {
	for _, it := range d.items {
		d.drop(it)
	}
}

func (r *run) progress() {
	if r.Progress != nil {
		r.Progress(Progress{Mailbox: r.Mailbox, Total: r.report.Wanted, Done: r.report.Read})
	}
}

package poll

import (
	"context"
	"io"
	"time"

	"pricefetch/internal/mail"
)

// Session is one authenticated connection to a mailbox. mailbox has an adapter for IMAP, one for POP3 and one for
// kept raw messages. Every method returns a class of mail.Error where it knows one.
type Session interface {
	// List tells, one Listing per folder, what the server offers now. prev are the cursors of the last complete
	// listings. The error is the session's; a folder's own trouble is in its Listing.
	List(ctx context.Context, prev []mail.Cursor) ([]mail.Listing, error)
	// Envelopes reads the headers of refs in any order. A message without one (gone in the meantime) is left out.
	Envelopes(ctx context.Context, refs []mail.Ref, each func(mail.Envelope) error) error
	// Fetch streams the messages through h. Every ref gets exactly one Done unless Fetch returns an error.
	Fetch(ctx context.Context, refs []mail.Ref, h mail.Handler) error
	// Delete verifies the identity of each message in this session, then marks, moves or expunges it. It answers
	// for every Doomed, also when it returns an error.
	Delete(ctx context.Context, doomed []mail.Doomed) ([]mail.Deleted, error)
	// Close ends the session. POP3: commit sends QUIT, which makes DeleteMarked real and hides, on some servers, what
	// was RETR-ed; otherwise the connection is dropped. The error tells that the server did not confirm.
	Close(commit bool) error
}

// Journal is the durable record as a pass uses it. Every method is one transaction, durable when it returns.
type Journal interface {
	Recovery
	Listings
	Judgements
	Publications
	Retention
	Strangers
}

// Recovery is what the journal knows of passes that did not come to their end.
type Recovery interface {
	// Intents returns the unfinished intents of one mailbox, oldest first.
	Intents(ctx context.Context, mailbox string) ([]mail.Intent, error)
	// Lost is called when a session ended, or a process died, inside a batch: the message in hand has one loss more
	// (two are one failure, the sixth failure holds it), the rest of the batch becomes Solo. Without a batch it does
	// nothing. It returns the records that it counted against.
	Lost(ctx context.Context, mailbox, why string, now time.Time) ([]mail.Record, error)
	// Started notes that a pass begins: the account, the clock. It returns the mailbox as it was before.
	Started(ctx context.Context, mailbox string, account mail.Account, now time.Time) (mail.MailboxState, error)
	// Update changes the mailbox's state: f gets the present one and changes it in place.
	Update(ctx context.Context, mailbox string, f func(*mail.MailboxState)) error
}

// Listings is the journal's side of knowing what a server holds.
type Listings interface {
	// Cursors returns those of the folders' last complete listings.
	Cursors(ctx context.Context, mailbox string) ([]mail.Cursor, error)
	// SortOut holds a listing against the records: unknown ids become pending; in a complete listing records that are
	// missing are unlisted, and gone if their deletion was intended or acknowledged or they simply vanished. It
	// recognises a reset of the ids (semantics 3). The cursor is stored if the listing is complete.
	SortOut(ctx context.Context, mailbox string, l mail.Listing, o mail.SortOptions) (mail.Worklist, error)
	// Inspected stores headers. A record listed again under a used id stays itself if the fingerprint is the same (an
	// acknowledged deletion was not honoured: Ignored counts up, at the third it is DeletionIgnored); otherwise a new
	// generation is made. A new id of a message that the listing no longer shows under its old one goes to its record.
	// Returned are the records as they now are, in the order given.
	Inspected(ctx context.Context, in []mail.Inspection, now time.Time) ([]mail.Record, error)
	// EndFirstPoll judges in one transaction what a folder's first poll, or the pass after a reset, found: records of
	// old ids are taken over for the same messages, and the listed pending ones left whose Age is before
	// first.Cutoff(contact) become baseline. It returns how many of each.
	EndFirstPoll(ctx context.Context, mailbox, folder string, first mail.FirstRun, now time.Time) (mail.FirstPoll, error)
	// Work returns the records to fetch, after Inspected, Judge and EndFirstPoll: pending ones with a header, then failed
	// ones that are due, oldest first. While the folder's first poll goes on it is not known what is old: then only what
	// is kept under held/ is to be read.
	Work(ctx context.Context, mailbox, folder string, now time.Time) ([]mail.Record, error)
}

// Judgements are the outcomes that save nothing.
type Judgements interface {
	// Judge stores an outcome other than saved, failed and held, of many messages in one transaction.
	Judge(ctx context.Context, ids []mail.RecordID, j mail.Judgement, now time.Time) error
	// Fail counts a failure: next try after 5 m, 30 m, 2 h, 8 h, 24 h; when the fifth of these retries
	// fails too it is held. It returns the record.
	Fail(ctx context.Context, id mail.RecordID, why string, now time.Time) (mail.Record, error)
	// Hold stores that the message needs a person; kept is the raw message's name under held/, "" if there is none.
	Hold(ctx context.Context, id mail.RecordID, why, kept string, now time.Time) error
	// Asking journals a batch before it is asked for; InHand the message that now arrives; Asked ends the batch, whose
	// messages were all done with or will be asked for again without blame.
	Asking(ctx context.Context, mailbox string, ids []mail.RecordID) error
	InHand(ctx context.Context, id mail.RecordID) error
	Asked(ctx context.Context, mailbox string) error
}

// Publications are the receipts of what was, or is about to be, published.
type Publications interface {
	// Receipts returns the files of one record, whatever their state.
	Receipts(ctx context.Context, id mail.RecordID) ([]mail.File, error)
	// Intend names in one transaction what will be published. It decides each file's State: duplicate (import once),
	// superseded (replace or newest, and a newer one is out) or intended. A name that another pending intent has reserved:
	// mail.ErrNameTaken, and nothing is stored. A (record, part, member) that has a receipt is an error.
	Intend(ctx context.Context, id mail.RecordID, files []mail.File, j mail.Judgement, now time.Time) ([]mail.File, error)
	// Rename gives an intended file another name, before any rename on the disk. mail.ErrNameTaken as Intend.
	Rename(ctx context.Context, file int64, name string) error
	// Newest returns when the message of the file last published under dir/name was received; zero if none was.
	Newest(ctx context.Context, dir, name string) (time.Time, error)
	// Latest returns when the newest message was received of which a file of the rule is published or about to be; zero if
	// there is none.
	Latest(ctx context.Context, rule string) (time.Time, error)
	// Saved ends an intent: the files as given (published, duplicate, superseded) and the judgement.
	Saved(ctx context.Context, id mail.RecordID, files []mail.File, j mail.Judgement, now time.Time) error
	// Abandon gives up an intent whose staged files are lost: what was published of it is recorded, what is still
	// intended loses its receipt, and the message is pending again.
	Abandon(ctx context.Context, id mail.RecordID, files []mail.File, why string, now time.Time) error
}

// Retention is the journal's side of deleting mail.
type Retention interface {
	// Listed returns the records of one folder that the last listing showed.
	Listed(ctx context.Context, mailbox, folder string) ([]mail.Record, error)
	Folder(ctx context.Context, mailbox, folder string) (mail.FolderState, error)
	// SetPolicy stores the policy fields of s: PolicyHash, PolicySince, Settled, Waiting, Released.
	SetPolicy(ctx context.Context, s mail.FolderState) error
	// Deleting journals the intention to delete, before it is asked for.
	Deleting(ctx context.Context, ids []mail.RecordID, now time.Time) error
	// Deleted stores the answers, all in one transaction: done → acknowledged; absent → stays intended, the next complete listing tells;
	// marked, unknown → stays intended; refused, mismatch → none, with the reason as a step.
	Deleted(ctx context.Context, answers []mail.DeleteAnswer, now time.Time) error
}

// Strangers is what the journal keeps of mail whose sender no rule knows.
type Strangers interface {
	// Stated notes which attachments the server says that unread messages have. Nothing is decided by it.
	Stated(ctx context.Context, parts map[mail.RecordID][]mail.PartNote) error
}

// Import is the import directory. Its errors have class mail.Storage.
type Import interface {
	Staging
	// Ready tells whether the staging directory is the one that the journal knows, everything is writable and there is
	// more than min_free.
	Ready(ctx context.Context) error
	// Free returns a safe name for original in dir: the first of "name.xls", "name (2).xls", … that neither exists in
	// the directory nor is in taken. With replace an existing file is no obstacle.
	Free(dir, original string, replace bool, taken func(name string) bool) (string, error)
	// Publish renames a staged file to its final name without replacing (or over it, if f.Replace). Before the rename,
	// under the directory's mutex, it asks superseded, and does nothing if that is true. See mail.Published.
	Publish(ctx context.Context, f mail.File, superseded func() (bool, error)) (mail.Published, error)
}

// Staging holds files on the import filesystem that nobody sees yet.
type Staging interface {
	// Stage streams r into a hidden synced file; more than limit bytes is mail.ErrTooLarge, 0 is no limit. Errors of r
	// are returned as they are, with the file removed.
	Stage(ctx context.Context, r io.Reader, limit int64) (mail.Staged, error)
	// Reopen gives a staged file to be read.
	Reopen(name string) (mail.Content, error)
	// Discard removes a staged file; one that is not there is no error.
	Discard(name string) error
}

// Archives opens archives.
type Archives interface {
	// Unpack gives the files in an archive to sink, with the passwords of rule and under limits. It reports whether
	// content is an archive at all; name is its own. That it cannot be opened is mail.ErrEncrypted, ErrDamaged,
	// ErrTooLarge or ErrUnsupported; other errors are those of content, sink and ctx.
	Unpack(ctx context.Context, rule, name string, content mail.Content, sink mail.MemberSink) (bool, error)
}

// Scratch is a file that a dry run needs for a moment; it is gone once closed.
type Scratch interface {
	io.Writer
	mail.Content
}

// Held keeps raw messages under state_dir/held within a bound.
type Held interface {
	// Keep stores a raw message and returns its name. mail.ErrTooLarge (class Storage) where the bound is reached.
	Keep(ctx context.Context, id mail.RecordID, r io.Reader) (string, error)
	// Room tells whether another message of that size could be kept.
	Room(size int64) bool
	// Has tells whether a message is kept under that name.
	Has(name string) bool
}

// Finder recognises what a lost journal has published, in the journal that was restored from a backup in its place.
type Finder interface {
	// May tells whether the lost journal may have saved the message.
	May(rec mail.Record) bool
	// Find returns the name, and the time of writing, of a file that the lost journal published of this message under a
	// name that it would get now, other than those taken; "" if none lies there.
	Find(ctx context.Context, rec mail.Record, f mail.File, taken func(name string) bool) (string, time.Time, error)
}

// Package poll makes one pass over one mailbox. It is the page to read first: every other room does one step of
// what is told here, and poll decides in which order.
//
// A message's life, as [Pass.Run] leads it:
//
//	finish     what an earlier pass had named in the journal and not recorded as saved is published first,
//	           before anything is dialled
//	open       dial, TLS, authenticate
//	list       what the server offers now, folder by folder; complete or not
//	sort out   the listing is held against the journal: what is judged is dropped, what is unknown becomes pending.
//	           Pending and failed messages go on; ids that were reset stop every deletion of this pass
//	inspect    headers of what is unknown: From, Subject, Date, Message-ID, size, when it was received. Once a first
//	           poll has them all, what is older than first_run becomes baseline: on record, never imported. After a
//	           reset of the ids the records of old ones are taken over first, by fingerprint and size
//	match      a sender that no rule wants makes the message unmatched: nothing of it is downloaded
//	fetch      wanted messages are streamed. Before a part's bytes move, the rules are asked about its name. Where only the
//	           newest counts (take, first_run) the newest are read first, and what is older than what they brought not at all
//	stage      each wanted part flows into a hidden, synced file beside the import directory
//	unpack     where a rule says so, what came whole and is an archive is opened: its members are staged in its place
//	intend     one journal transaction names what will be published and under which names; what went out before is
//	           not published again
//	publish    atomic renames that replace nothing
//	record     one journal transaction: saved
//	retain     the retention policy tells which messages may go, each with its reason, or what waits for approval
//	delete     the intention is journalled, the server is asked, its answer is journalled
//	strangers  once an hour, over IMAP: which files new mail of unknown senders has, by the server's word alone, so that a
//	           person can be told who may be a supplier
//	close      over POP3 this commits the deletions; it happens only if every message that was read is accounted for
//
// A later pass, by a complete listing that lacks the message, concludes that it is gone.
//
// Data flows one way. Only two arrows point back: the journal is read first and written last, and the session that
// delivered the mail is asked to delete it. Deletion always rests on something already durable, so a crash at any
// point loses nothing and repeats nothing:
//
//	after stage     the staged file has no intent: swept; the message is pending and is fetched again
//	after intend    the staged file is still there: finish publishes it
//	after publish   the staged file is gone from the staging directory the journal knows: it was published
//	after record    saved: nothing is fetched again, retention decides as always
//	after delete    deletion is intended: the next complete listing tells
//
// A name or a destination that cannot be had is the obstacle of its message alone: the intent stays and is tried again
// in every pass, the others go on. A header that cannot be read, or that costs the connection, is asked for again after
// everything else, and held in the end; a first poll ends without it.
//
// What fails is sorted by class (see mail.Class): the message alone, this mailbox for a while, the credentials, or our
// own disk, in which case nothing is fetched, nothing deleted and no message blamed. The unknown is temporary and
// never leads to a deletion.
//
// poll declares the ports it needs ([Session], [Journal], [Import], [Archives], [Held]) and decides nothing that another room can:
// rules are in match, the policy in retain, both pure.
package poll

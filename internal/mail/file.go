package mail

import "time"

// FileState is how far one file of a message has come.
type FileState string

const (
	FileIntended   FileState = "intended"   // staged and named in an intent; to be published
	FilePublished  FileState = "published"  // in the import directory, or already taken from it
	FileDuplicate  FileState = "duplicate"  // import once: the same file went out before, see DuplicateOf
	FileSuperseded FileState = "superseded" // a newer one is out, under that name (on_conflict: replace) or of its rule (take: newest)
)

// Staged is a file on the import filesystem that nobody but us can see yet. It is complete and synced.
type Staged struct {
	Name   string // its name within the staging directory
	Size   int64  // bytes
	SHA256 string // lower-case hex
}

// File is one attachment on its way to, or in, the import directory: the journal's receipt.
type File struct {
	ID       int64 // the journal's; 0 before Intend
	Record   RecordID
	Part     string // Part.Path
	Member   string // path inside an archive; ""
	Rule     string
	Original string // decoded name before it was made safe
	RawName  string
	Dir      string // below import_dir, slash-separated; "" is import_dir itself
	Name     string // final name: safe, within Dir
	Replace  bool   // on_conflict: replace
	Newest   bool   // not to be published once something newer of its rule is out
	Staged
	State       FileState
	DuplicateOf int64     // file id
	Received    time.Time // of its message, for superseding
	Published   time.Time
	Found       time.Time // in a restored journal: it lies under Name already, written then; zero: it does not. Not stored
}

// Intent is one message whose files are named in the journal but not yet recorded as saved.
type Intent struct {
	Record    Record
	Files     []File // all of them, whatever their state
	Judgement Judgement
}

// Published is the answer of Import.Publish.
type Published int

const (
	PublishedNow      Published = iota // renamed
	PublishedBefore                    // the staged file is gone: the rename happened before a crash
	PublishTaken                       // the final name exists: nothing done
	PublishSuperseded                  // superseded said so: nothing done, the staged file is still there
)

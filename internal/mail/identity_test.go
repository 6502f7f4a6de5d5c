package mail

import (
	"slices"
	"testing"
	"time"
)

func TestSameMessages(t *testing.T) {
	rec := func(folder, fingerprint string, size int64, o Outcome) Record {
		r := Record{Envelope: Envelope{Ref: Ref{Folder: folder}, Fingerprint: fingerprint, Size: size}, Inspected: true, Outcome: o}
		if o != Pending {
			r.JudgedAt = time.Unix(1, 0)
		}
		return r
	}
	here := func(fingerprint string, size int64) Record { return rec("INBOX", fingerprint, size, Pending) }
	unread := here("a", 1)
	unread.Inspected = false
	for name, tt := range map[string]struct {
		found, old []Record
		want       []int
	}{
		"one of each":                {[]Record{here("b", 2), here("a", 1)}, []Record{rec("INBOX", "a", 1, Saved), rec("INBOX", "b", 2, Baseline)}, []int{1, 0}},
		"another size":               {[]Record{here("a", 2)}, []Record{rec("INBOX", "a", 1, Saved)}, []int{-1}},
		"size unknown on both sides": {[]Record{here("a", -1)}, []Record{rec("INBOX", "a", -1, Saved)}, []int{-1}},
		"header not read":            {[]Record{unread}, []Record{rec("INBOX", "a", 1, Saved)}, []int{-1}},
		"two copies on record":       {[]Record{here("a", 1)}, []Record{rec("INBOX", "a", 1, Saved), rec("INBOX", "a", 1, Dismissed)}, []int{-1}},
		"three copies on record":     {[]Record{here("a", 1)}, []Record{rec("INBOX", "a", 1, Saved), rec("INBOX", "a", 1, Saved), rec("INBOX", "a", 1, Saved)}, []int{-1}},
		"two copies listed":          {[]Record{here("a", 1), here("a", 1)}, []Record{rec("INBOX", "a", 1, Saved)}, []int{-1, -1}},
		"a copy is known already":    {[]Record{here("beside", 9), here("a", 1)}, []Record{rec("INBOX", "beside", 9, Saved), rec("INBOX", "a", 1, Saved)}, []int{-1, 1}},
		"never judged":               {[]Record{here("a", 1)}, []Record{rec("INBOX", "a", 1, Pending)}, []int{0}},
		"judged before never judged": {[]Record{here("a", 1)}, []Record{rec("INBOX", "a", 1, Pending), rec("INBOX", "a", 1, Pending), rec("INBOX", "a", 1, Held)}, []int{2}},
		"own folder first":           {[]Record{here("a", 1)}, []Record{rec("", "a", 1, Saved), rec("INBOX", "a", 1, Saved), rec("", "a", 1, Saved)}, []int{1}},
		"another folder":             {[]Record{here("a", 1)}, []Record{rec("", "a", 1, Saved)}, []int{0}},
		"judged elsewhere":           {[]Record{here("a", 1)}, []Record{rec("INBOX", "a", 1, Pending), rec("", "a", 1, Saved)}, []int{1}},
		"two other folders":          {[]Record{here("a", 1)}, []Record{rec("A", "a", 1, Saved), rec("B", "a", 1, Saved)}, []int{-1}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := SameMessages(tt.found, []Record{here("beside", 9), unread}, tt.old); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

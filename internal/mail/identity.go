package mail

import "slices"

// Identity says that two records stand for the same message where their ids cannot.
type Identity struct {
	Fingerprint string
	Size        int64
}

// Identity returns the record's; ok is false where it has none: the header is not on record, or the size unknown.
func (r Record) Identity() (id Identity, ok bool) {
	return Identity{r.Fingerprint, r.Size}, r.Inspected && r.Fingerprint != "" && r.Size >= 0
}

// SameMessages tells, for each message found under a new id, which record of an old id stands for it: the position in
// old, or -1. After a reset of the ids that is the record with the same fingerprint and the same size, where either
// side has only one (semantics 3, Identity); a size that is not known matches nothing. beside are the messages that are
// listed together with found and have a record already: of two copies nobody can tell which one the old record is of.
// Records of the message's own folder come before those of other folders, and judged ones before those that were never
// judged: such a one is left of an earlier reset.
func SameMessages(found, beside, old []Record) []int {
	twins := make(map[Identity][]int, len(found))
	for i, r := range old {
		if id, ok := r.Identity(); ok {
			twins[id] = append(twins[id], i)
		}
	}
	count := make(map[Identity]int, len(found))
	for _, r := range slices.Concat(found, beside) {
		if id, ok := r.Identity(); ok {
			count[id]++
		}
	}
	out := make([]int, len(found))
	for i, r := range found {
		out[i] = -1
		if id, ok := r.Identity(); ok && count[id] == 1 {
			out[i] = onlyOne(r, old, twins[id])
		}
	}
	return out
}

// onlyOne picks the twin of r that is alone in the first class that has any; -1 where there are several.
func onlyOne(r Record, old []Record, twins []int) int {
	best, rank := -1, 4
	for _, i := range twins {
		class := 0
		if old[i].Folder != r.Folder {
			class++
		}
		if old[i].Outcome == Pending && old[i].JudgedAt.IsZero() {
			class += 2
		}
		switch {
		case class < rank:
			best, rank = i, class
		case class == rank:
			best = -1
		}
	}
	return best
}

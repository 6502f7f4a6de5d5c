package poll

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"pricefetch/internal/mail"
)

const (
	surveyChunk   = 200 // messages whose headers are in memory at the same time
	surveyReopens = 30  // sessions that answers which cannot be read may cost
	surveyBlunt   = 5   // of them by what the server says of structures; then messages are read instead
)

// Surveyed is what a survey of a mailbox came across.
type Surveyed struct {
	Mailbox string           `json:"mailbox"`
	Folders []SurveyedFolder `json:"folders"`
}

// SurveyedFolder is one folder of it.
type SurveyedFolder struct {
	Folder  string `json:"folder"`
	Error   string `json:"error,omitempty"`
	Listed  int    `json:"listed"`
	Recent  int    `json:"recent"`  // received since then, or nobody knows when
	Unknown int    `json:"unknown"` // of these, messages whose attachments could not all be told, and those without a header to read
	Why     string `json:"why,omitempty"`
}

// Survey tells each message that was received since then, and which parts it has. Open must give a read-only session;
// it is dropped without a commit. Nothing is recorded, staged or marked: over IMAP the server is asked what messages have
// in them, and those of which it cannot tell all are read by BODY.PEEK; over POP3 they are read by TOP.
func (p *Pass) Survey(ctx context.Context, since time.Time, each func(mail.Envelope, []mail.Part)) (Surveyed, error) {
	out := Surveyed{Mailbox: p.Mailbox, Folders: []SurveyedFolder{}}
	s := &survey{run: p.begin(), since: since, each: each}
	if err := s.open(ctx); err != nil {
		return out, err
	}
	defer func() { _ = s.session.Close(false) }() // nothing was to be committed
	listings, err := s.session.List(ctx, nil)
	if err != nil {
		return out, err
	}
	for _, l := range listings {
		s.progress.Total += len(l.Refs)
	}
	for _, l := range listings {
		s.folder = SurveyedFolder{Folder: l.Folder, Listed: len(l.Refs), Why: l.Why}
		err := l.Err
		if err == nil {
			err = s.survey(ctx, l.Refs)
		}
		if err != nil {
			s.folder.Error = err.Error()
		}
		out.Folders = append(out.Folders, s.folder)
		if err != nil && l.Err == nil && mail.ClassOf(err) != mail.Message { // no TOP: the folder's own trouble
			return out, err
		}
	}
	return out, nil
}

// survey is one under way.
type survey struct {
	*run
	since    time.Time
	each     func(mail.Envelope, []mail.Part)
	folder   SurveyedFolder
	progress Progress
	reopened int
	blunt    int // sessions that were lost over structures
}

func (s *survey) open(ctx context.Context) (err error) {
	s.session, err = s.Open(ctx)
	return err
}

// survey goes through one folder.
func (s *survey) survey(ctx context.Context, listed []mail.Listed) error {
	s.progress.Mailbox = s.Mailbox
	for chunk := range slices.Chunk(listed, surveyChunk) {
		var refs []mail.Ref
		for _, l := range chunk {
			refs = append(refs, l.Ref)
		}
		recent := map[mail.Ref]mail.Envelope{}
		if err := s.headers(ctx, refs, recent); err != nil {
			return err
		}
		s.folder.Recent += len(recent)
		refs = slices.DeleteFunc(refs, func(ref mail.Ref) bool { _, ok := recent[ref]; return !ok })
		s.advance(len(chunk) - len(refs))
		whole, err := s.structures(ctx, refs, recent)
		if err == nil {
			err = s.read(ctx, whole, recent)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// advance tells how far it has come.
func (s *survey) advance(n int) {
	if s.progress.Done += n; s.Progress != nil {
		s.Progress(s.progress)
	}
}

// recently reports whether a message counts. One of which nobody knows when it came does.
func (s *survey) recently(e mail.Envelope) bool {
	at := e.Received
	if at.IsZero() {
		at = e.Date
	}
	return at.IsZero() || !at.Before(s.since)
}

// again makes a new session after an answer that could not be read, unless there were too many of them.
func (s *survey) again(ctx context.Context, cause error) error {
	if s.reopened++; s.reopened > surveyReopens || ctx.Err() != nil || mail.ClassOf(cause) == mail.Auth {
		return cause
	}
	_ = s.session.Close(false) // it has failed already
	return s.open(ctx)
}

// unknown counts messages of which not all could be told.
func (s *survey) unknown(n int, err error) {
	if s.folder.Unknown += n; s.folder.Why == "" && err != nil {
		s.folder.Why = err.Error()
	}
}

// headers reads the headers of messages and keeps those that count. One whose header costs the session is left out: it is
// asked for once more, alone, as it may have been chance.
func (s *survey) headers(ctx context.Context, refs []mail.Ref, recent map[mail.Ref]mail.Envelope) error {
	for batches := [][]mail.Ref{refs}; len(batches) > 0; {
		batch := batches[0]
		batches = batches[1:]
		got := map[mail.Ref]bool{}
		err := s.session.Envelopes(ctx, batch, func(e mail.Envelope) error {
			got[e.Ref] = true
			if s.recently(e) {
				recent[e.Ref] = e
			}
			return nil
		})
		if err == nil {
			continue
		}
		odd, isOdd := errors.AsType[*mail.OddAnswer](err)
		if !isOdd && mail.ClassOf(err) == mail.Message {
			return err
		}
		left := without(batch, got)
		var suspects []mail.Ref
		switch {
		case isOdd && odd.Proven:
			suspects = odd.Refs
		case isOdd:
			suspects = odd.Refs[:1]
		case len(left) > 0:
			suspects = left[:1]
		}
		if len(batch) == 1 || isOdd && odd.Proven {
			s.unknown(len(suspects), err)
		} else {
			batches = append(batches, suspects)
		}
		for _, ref := range suspects {
			got[ref] = true
		}
		if left = without(left, got); len(left) > 0 {
			batches = append(batches, left)
		}
		if err := s.again(ctx, err); err != nil {
			return err
		}
	}
	return nil
}

// structures tells what the server knows of messages, and returns those that have to be read: all of them over POP3.
func (s *survey) structures(ctx context.Context, refs []mail.Ref, heads map[mail.Ref]mail.Envelope) (whole []mail.Ref, err error) {
	for left := refs; len(left) > 0; {
		t, ok := s.session.(teller)
		if !ok || s.transactional() || s.blunt >= surveyBlunt {
			return append(whole, left...), nil
		}
		got := map[mail.Ref]bool{}
		err := t.Structures(ctx, left, func(m mail.Structure) error {
			e, asked := heads[m.Ref]
			if !asked || got[m.Ref] || !m.Sure {
				return nil
			}
			got[m.Ref] = true
			for i := range m.Parts {
				m.Parts[i].Path = strconv.Itoa(i + 1) // without one it would pass for the raw message
			}
			s.each(e, m.Parts)
			s.advance(1)
			return nil
		})
		left = without(left, got)
		if err == nil {
			return append(whole, left...), nil
		}
		s.blunt++
		if err := s.again(ctx, err); err != nil {
			return nil, err
		}
		whole, left = append(whole, left[:min(1, len(left))]...), left[min(1, len(left)):]
	}
	return whole, nil
}

// read reads messages for the names of their parts.
func (s *survey) read(ctx context.Context, refs []mail.Ref, heads map[mail.Ref]mail.Envelope) error {
	for left := refs; len(left) > 0; {
		r := &surveyReader{survey: s, heads: heads, done: map[mail.Ref]bool{}}
		err := s.session.Fetch(ctx, left, r)
		if left = without(left, r.done); err == nil || len(left) == 0 {
			return err
		}
		if err := s.again(ctx, err); err != nil {
			return err
		}
		s.unknown(1, fmt.Errorf("read message: %w", err))
		s.advance(1)
		left = left[1:]
	}
	return nil
}

// surveyReader takes no content, only the names.
type surveyReader struct {
	*survey
	heads map[mail.Ref]mail.Envelope
	parts []mail.Part
	done  map[mail.Ref]bool
}

func (r *surveyReader) Want(_ mail.Ref, p mail.Part) bool {
	if r.parts = append(r.parts, p); p.IsRoot() {
		r.parts = nil // it begins, perhaps for the second time
	}
	return false
}

func (r *surveyReader) Part(mail.Ref, mail.Part, io.Reader) error { return nil }

// Done tells what was found, as far as it was.
func (r *surveyReader) Done(ref mail.Ref, err error) error {
	if e, ok := r.heads[ref]; ok && !r.done[ref] {
		r.each(e, r.parts)
		r.advance(1)
	}
	if err != nil {
		r.unknown(1, err)
	}
	r.done[ref], r.parts = true, nil
	return nil
}

// without returns the refs that are not among those.
func without(refs []mail.Ref, those map[mail.Ref]bool) []mail.Ref {
	return slices.DeleteFunc(slices.Clone(refs), func(ref mail.Ref) bool { return those[ref] })
}

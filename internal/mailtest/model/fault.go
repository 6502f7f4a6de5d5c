package model

import (
	"errors"
	"fmt"
	"syscall"

	"pricefetch/internal/mail"
)

// faultKind is what happens to one call of I/O.
type faultKind int

const (
	noFault    faultKind = iota
	failBefore           // an error, and nothing happened. On the wire: the connection breaks before the command arrives
	failAfter            // it happened, and the answer is an error. On the wire: the answer is lost
	dieBefore            // the process ends before it
	dieAfter             // the process ends after it
	halfAnswer           // wire only: the answer breaks off in the middle
	busyAnswer           // wire only: the server says that it is busy
	refuse               // wire only: the server says no
	sayBye               // wire only: the server ends the session in place of an answer
	faultKinds
)

func (k faultKind) String() string {
	return [...]string{"nothing", "error before", "error after it took effect", "death before", "death after", "half an answer",
		"busy", "refused", "BYE"}[k]
}

// wireOnly kinds become the plain kind that is next to them in any other room.
func (k faultKind) elsewhere() faultKind {
	switch k {
	case halfAnswer:
		return failAfter
	case busyAnswer, refuse, sayBye:
		return failBefore
	}
	return k
}

// fault hits one call of the step that it belongs to.
type fault struct {
	call int // counted from 1 within the step
	kind faultKind
	hit  string // what it hit in this run; "": nothing
}

func (f fault) String() string {
	where := f.hit
	if where == "" {
		where = "never reached"
	}
	return fmt.Sprintf("%s at call %d (%s)", f.kind, f.call, where)
}

var (
	errInjected = &mail.Error{Class: mail.Storage, Err: fmt.Errorf("injected: %w", syscall.EIO)}
	errDead     = &mail.Error{Class: mail.Storage, Err: errors.New("injected: the process is dead")}
	errCut      = fmt.Errorf("injected: %w", syscall.ECONNRESET)
)

// life is one process. Once it is dead every call of it fails without effect.
type life struct{ dead bool }

// ask counts a call and tells what is to happen to it.
func (w *World) ask(name string, wire bool) faultKind {
	w.calls++
	if w.calm {
		return noFault
	}
	for _, e := range w.events {
		if e.call == w.calls {
			w.happen(e)
		}
	}
	for i := range w.faults {
		f := &w.faults[i]
		if f.call != w.calls {
			continue
		}
		kind := f.kind
		if !wire {
			kind = kind.elsewhere()
		}
		f.hit = name
		w.hits++
		w.cover("fault", kind.String()+" at "+room(name))
		w.note("   fault: %s at call %d, %s", kind, w.calls, name)
		return kind
	}
	return noFault
}

// around does one call of I/O of the present process, or lets it fail.
func (w *World) around(l *life, name string, do func() error) error {
	if l.dead {
		return errDead
	}
	switch w.ask(name, false) {
	case failBefore:
		return errInjected
	case failAfter:
		if err := do(); err != nil {
			return err
		}
		return errInjected
	case dieBefore:
		l.dead = true
		return errDead
	case dieAfter:
		_ = do() // nobody is left to hear of it
		l.dead = true
		return errDead
	}
	return do()
}

// room is the first word of a call's name.
func room(name string) string {
	for i, c := range name {
		if c == ' ' {
			return name[:i]
		}
	}
	return name
}

// happen lets somebody else do something in the middle of a pass.
func (w *World) happen(e event) {
	w.cover("event", e.op)
	w.note("   meanwhile: %s", e.op)
	switch e.op {
	case "importer takes":
		w.take()
		return
	case "somebody's file":
		w.plant(e.n)
		return
	}
	w.other(w.polled, &Step{Op: e.op, N: e.n})
}

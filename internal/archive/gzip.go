package archive

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"strings"
)

// gzip unpacks the one file in a gz.
func (w *walk) gzip(src *source, name string) error {
	in := bufio.NewReader(src.section(0, src.size))
	var r *gzip.Reader
	err := guard(func() (err error) {
		r, err = gzip.NewReader(in)
		return err
	})
	if err != nil {
		return err
	}
	if err := w.count(); err != nil {
		return err
	}
	m, take, err := w.ask(gzipEntry(r.Name, name))
	if err != nil || !take {
		return err
	}
	r.Multistream(false)
	return w.take(m, &gzipReader{r, in}, nil)
}

// gzipEntry names the content: as the header says, or else like the file without its last extension.
func gzipEntry(header, name string) entry {
	e := entry{size: -1}
	raw := make([]byte, 0, len(header))
	for _, r := range header {
		raw = append(raw, byte(r)) // the library takes each byte for a character of Latin-1; nobody writes that
	}
	if e.raw = string(raw); e.raw != "" {
		e.path = decoder([]string{e.raw})(e.raw)
	}
	if len(split(e.path)) > 0 {
		return e
	}
	e.path = name
	for _, s := range []struct{ from, to string }{{".gz", ""}, {".gzip", ""}, {".tgz", ".tar"}} {
		if n := len(name) - len(s.from); n > 0 && strings.EqualFold(name[n:], s.from) {
			e.path = name[:n] + s.to
			break
		}
	}
	return e
}

// gzipReader reads the streams of a gz one after the other (RFC 1952 section 2.2); each has its own checksum. What follows
// the last one and is no stream is ignored, as gunzip does: some programs pad.
type gzipReader struct {
	*gzip.Reader
	in *bufio.Reader
}

func (r *gzipReader) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if err != io.EOF || n > 0 {
		if err == io.EOF {
			err = nil // it comes again
		}
		return n, err
	}
	if head, _ := r.in.Peek(3); signed(head) != gzipped {
		return 0, io.EOF
	}
	if err := r.Reset(r.in); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, err
	}
	r.Multistream(false)
	return 0, nil
}

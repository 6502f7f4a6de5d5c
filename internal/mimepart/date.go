package mimepart

import (
	"net/mail"
	"strconv"
	"strings"
	"time"
)

// maxDate is the length in bytes beyond which nothing is taken for a date, comments and all.
const maxDate = 512

// parseDate reads the date of a Date or Received field (RFC 5322 section 3.3), and what mailers make of it: without
// seconds, with two digits of the year, with names of zones, with ISO 8601 instead. It is in UTC; zero if unreadable.
func parseDate(s string) time.Time {
	if len(s) > maxDate {
		return time.Time{}
	}
	t, err := mail.ParseDate(s)
	if err != nil || !trusted(t) {
		var d dateParser
		for _, w := range strings.Fields(strings.ReplaceAll(withoutComments(s), ",", " ")) {
			d.word(w)
		}
		t = d.time()
	}
	if t = t.UTC(); t.Year() < 0 || t.Year() > 9999 {
		return time.Time{} // neither RFC 3339 nor JSON has such a year
	}
	return t
}

// trusted is false where the package time made up a zone of that name with offset 0.
func trusted(t time.Time) bool {
	name, offset := t.Zone()
	return offset != 0 || name == "" || name == "UTC" || name == "GMT" || name[0] == '+' || name[0] == '-'
}

// withoutComments takes comments out; one that is not closed reaches to the end.
func withoutComments(s string) string {
	var b strings.Builder
	depth := 0
	for i := range len(s) {
		switch {
		case s[i] == '(':
			depth++
		case s[i] == ')' && depth > 0:
			depth--
		case depth == 0:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// dateParser gathers the pieces of a date word by word; each is told by its looks.
type dateParser struct {
	day, year, zone           int
	month                     time.Month
	hour, minute, second      int
	hasYear, hasTime, hasZone bool
	bad                       bool
}

func (d *dateParser) word(w string) {
	switch {
	case len(w) > 11 && w[10] == 'T':
		d.calendar(w[:10])
		d.clock(w[11:])
	case d.hasTime && (w[0] == '+' || w[0] == '-'):
		d.offset(w)
	case strings.Contains(w, ":"):
		d.clock(w)
	case strings.Contains(w, "-") || strings.Contains(w, "/") || strings.Count(w, ".") == 2:
		d.calendar(w)
	case w[0] >= '0' && w[0] <= '9':
		d.number(w)
	default:
		d.name(w)
	}
}

// calendar reads 2026-01-31, 31-Jan-26 and 31.01.2026.
func (d *dateParser) calendar(w string) {
	parts := strings.FieldsFunc(w, func(r rune) bool { return r == '-' || r == '/' || r == '.' })
	if len(parts) != 3 {
		d.name(w)
		return
	}
	if len(parts[0]) == 4 {
		parts[0], parts[2] = parts[2], parts[0]
	}
	d.number(parts[0])
	if n, err := strconv.Atoi(parts[1]); err == nil {
		d.month = time.Month(n)
	} else {
		d.name(parts[1])
	}
	d.number(parts[2])
}

// number reads the day or, once that is known, the year; of two digits below 50 it is in this century (RFC 5322
// section 4.3).
func (d *dateParser) number(w string) {
	n, err := strconv.Atoi(w)
	switch {
	case err != nil || n < 0:
		d.bad = true
	case len(w) >= 4:
		d.year, d.hasYear = n, true
	case d.day == 0:
		d.day = n
	case d.hasYear: // a stray number
	case n < 50:
		d.year, d.hasYear = 2000+n, true
	default:
		d.year, d.hasYear = 1900+n, true
	}
}

// clock reads 10:00, 10:00:00.000 and 10:00:00+03:00.
func (d *dateParser) clock(w string) {
	if d.hasTime {
		d.name(w)
		return
	}
	d.hasTime = true
	if i := strings.LastIndexAny(w, "+-Z"); i > 0 {
		d.offset(w[i:])
		w = w[:i]
	}
	w, _, _ = strings.Cut(w, ".")
	for i, part := range strings.Split(w, ":") {
		n, err := strconv.Atoi(part)
		if err != nil || i > 2 {
			d.bad = true
			return
		}
		*[...]*int{&d.hour, &d.minute, &d.second}[i] = n
	}
}

// offset reads +0300, +03:00, +3 and Z.
func (d *dateParser) offset(w string) {
	digits := strings.ReplaceAll(strings.TrimLeft(w, "+-Z"), ":", "")
	n := 0
	if digits != "" {
		var err error
		if n, err = strconv.Atoi(digits); err != nil {
			return
		}
	}
	if len(digits) <= 2 {
		n *= 100
	}
	if n > 1500 {
		return
	}
	d.zone, d.hasZone = (n/100*60+n%100)*60, true
	if w[0] == '-' {
		d.zone = -d.zone
	}
}

// zones are the names of zones in use, in hours: RFC 5322 section 4.3 and Moscow's. Any other means UTC, as there.
var zones = map[string]int{
	"ut": 0, "utc": 0, "gmt": 0, "z": 0, "msk": 3, "msd": 4, "eet": 2, "eest": 3, "cet": 1, "cest": 2, "met": 1, "mest": 2,
	"est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7, "samt": 4, "yekt": 5,
}

// name reads a month, a zone, AM or PM; the day of the week says nothing.
func (d *dateParser) name(w string) {
	w = strings.ToLower(w)
	if i := strings.IndexAny(w, "+-"); i > 0 { // GMT+0300
		d.offset(w[i:])
		return
	}
	if hours, ok := zones[w]; ok && !d.hasZone {
		d.zone, d.hasZone = hours*3600, true
		return
	}
	switch {
	case w == "pm" && d.hour < 12:
		d.hour += 12
	case w == "am" && d.hour == 12:
		d.hour = 0
	}
	for m := time.January; m <= time.December && d.month == 0; m++ {
		if len(w) >= 3 && strings.HasPrefix(w, strings.ToLower(m.String()[:3])) {
			d.month = m
		}
	}
}

// time puts the pieces together; what the calendar does not have is unreadable.
func (d *dateParser) time() time.Time {
	if d.bad || !d.hasYear || d.day < 1 || d.month < 1 || d.month > 12 || d.hour > 23 || d.minute > 59 || d.second > 60 {
		return time.Time{}
	}
	if d.hour < 0 || d.minute < 0 || d.second < 0 {
		return time.Time{}
	}
	t := time.Date(d.year, d.month, d.day, d.hour, d.minute, d.second, 0, time.UTC)
	if t.Second() == d.second && t.Day() != d.day {
		return time.Time{}
	}
	return t.Add(-time.Duration(d.zone) * time.Second)
}

// receivedDate returns the date of a Received field: what follows its last semicolon (RFC 5322 section 3.6.7), or an
// earlier one where that is part of a comment.
func receivedDate(s string) time.Time {
	end := len(s)
	for range 5 {
		i := strings.LastIndexByte(s[:end], ';')
		if i < 0 {
			break
		}
		if t := parseDate(strings.TrimSpace(s[i+1:])); !t.IsZero() {
			return t
		}
		end = i
	}
	return time.Time{}
}

package mailtest

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
)

const longName = "Прайс-лист «Автозапчасть» с остатками по складам, ёлки и йод 22.11.2026.xls"

// rawParts reads a letter with the standard library alone: part headers as they stand, contents decoded.
func rawParts(t *testing.T, raw []byte) (mail.Header, []*multipart.Part, [][]byte) {
	t.Helper()
	if bytes.Contains(bytes.ReplaceAll(raw, []byte("\r\n"), nil), []byte("\n")) {
		t.Error("a line does not end in CRLF")
	}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	mediaType, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || mediaType != "multipart/mixed" {
		t.Fatalf("content type %s: %v", mediaType, err)
	}
	var parts []*multipart.Part
	var contents [][]byte
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		part, err := r.NextRawPart()
		if err == io.EOF {
			return m.Header, parts, contents
		}
		if err != nil {
			t.Fatal(err)
		}
		var body io.Reader = part
		switch part.Header.Get("Content-Transfer-Encoding") {
		case "base64":
			body = base64.NewDecoder(base64.StdEncoding, part)
		case "quoted-printable":
			body = quotedprintable.NewReader(part)
		}
		content, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		parts, contents = append(parts, part), append(contents, content)
	}
}

func TestMessageEncodesNames(t *testing.T) {
	koi, err := charmap.KOI8R.NewEncoder().String("прайс.xls")
	if err != nil {
		t.Fatal(err)
	}
	content := []byte("a\r\n.\r\n=\x00\xff" + strings.Repeat("я", 200))
	cases := []struct {
		encoding NameEncoding
		name     string
		field    string // in which the name stands
		want     string // the field, unfolded; "": the standard library decodes it to name
	}{
		{RFC2231, longName, "Content-Disposition", ""},
		{RFC2231Parts, longName, "Content-Disposition", ""},
		{RFC2047B, longName, "Content-Disposition", ""},
		{RFC2047Q, longName, "Content-Disposition", ""},
		{TypeOnly, longName, "Content-Type", ""},
		{RawUTF8, longName, "Content-Disposition", ""},
		{RFC2231, "price list.xls", "Content-Disposition", ""},
		{RFC2047B, "price list.xls", "Content-Disposition", `inline; filename="price list.xls"`},
		{RFC2047KOI8, "прайс.xls", "Content-Disposition", `inline; filename="=?koi8-r?B?` + base64.StdEncoding.EncodeToString([]byte(koi)) + `?="`},
		{RawCP1251, "прайс.xls", "Content-Disposition", "inline; filename=\"\xef\xf0\xe0\xe9\xf1.xls\""},
	}
	for _, c := range cases {
		t.Run(fmt.Sprint(c.encoding, c.name), func(t *testing.T) {
			raw := Message(MessageOptions{From: "a@b.example", Files: []Attachment{
				{Name: c.name, Content: content, Encoding: c.encoding, Inline: true, Quoted: c.encoding == RFC2047Q}}})
			_, parts, contents := rawParts(t, raw)
			if len(parts) != 2 || !bytes.Equal(contents[1], content) {
				t.Fatalf("%d parts, the last %q, want %q", len(parts), contents[len(contents)-1], content)
			}
			field := parts[1].Header.Get(c.field)
			if c.want != "" {
				if field != c.want {
					t.Errorf("%s is %q, want %q", c.field, field, c.want)
				}
				return
			}
			if got := decodedName(t, field); got != c.name {
				t.Errorf("name is %q, want %q", got, c.name)
			}
		})
	}
}

// decodedName reads a name as a lenient mail program does: RFC 2231, then RFC 2047 words.
func decodedName(t *testing.T, field string) string {
	t.Helper()
	_, params, err := mime.ParseMediaType(field)
	if err != nil {
		t.Fatalf("parse %q: %v", field, err)
	}
	name := params["filename"] + params["name"]
	decoded, err := new(mime.WordDecoder).DecodeHeader(name)
	if err != nil {
		t.Fatalf("decode %q: %v", name, err)
	}
	return decoded
}

func TestMessageHeader(t *testing.T) {
	received := time.Date(2026, 11, 20, 9, 30, 0, 0, time.FixedZone("MSK", 3*3600))
	s := Suppliers()[0]
	o := PriceLetter(s, 7, received)
	raw := Message(o)
	header, _, _ := rawParts(t, raw)
	decoded, err := new(mime.WordDecoder).DecodeHeader(header.Get("Subject"))
	if err != nil || decoded != "Прайс-лист ООО «Автозапчасть» на 20.11.2026" {
		t.Errorf("subject %q, %v", decoded, err)
	}
	from, err := mail.ParseAddress(header.Get("From"))
	if err != nil || from.Address != s.Address || from.Name != s.Name {
		t.Errorf("from %+v, %v", from, err)
	}
	if date, err := header.Date(); err != nil || !date.Equal(o.Date) {
		t.Errorf("date %s, %v", date, err)
	}
	_, stamp, _ := strings.Cut(header.Get("Received"), "; ")
	if at, err := time.Parse(time.RFC1123Z, stamp); err != nil || !at.Equal(received) || !bytes.HasPrefix(raw, []byte("Received: ")) {
		t.Errorf("topmost Received is of %s, %v", at, err)
	}
	bare := string(Message(MessageOptions{From: "a@b.example"}))
	for _, field := range []string{"Received:", "Date:", "Subject:", "Message-ID:", "multipart"} {
		if strings.Contains(bare, field) {
			t.Errorf("bare letter has %s", field)
		}
	}
}

// Letters must be the same in every run and differ between seeds, or import-once would hide a fault.
func TestLettersAreDeterministic(t *testing.T) {
	at := time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)
	seen := map[string]uint64{}
	for _, s := range Suppliers() {
		for seed := range uint64(20) {
			o := PriceLetter(s, seed, at)
			if !bytes.Equal(Message(o), Message(PriceLetter(s, seed, at))) {
				t.Fatalf("%s, seed %d: not the same twice", s.Name, seed)
			}
			key := o.ID
			if before, twice := seen[key]; twice {
				t.Errorf("seeds %d and %d share Message-ID %s", before, seed, key)
			}
			seen[key] = seed
			_, parts, contents := rawParts(t, Message(o))
			if !bytes.Equal(contents[1], o.Files[0].Content) {
				t.Errorf("%s, seed %d: content of %s differs", s.Name, seed, parts[1].Header)
			}
		}
		if bytes.Equal(s.Kind.Content(1, 9), s.Kind.Content(2, 9)) {
			t.Errorf("%s: seeds 1 and 2 give the same file", s.Name)
		}
	}
	for seed := range uint64(20) {
		if !bytes.Equal(Message(OtherLetter(seed, at)), Message(OtherLetter(seed, at))) {
			t.Fatalf("other letter, seed %d: not the same twice", seed)
		}
	}
}

func TestCSVIsWindows1251(t *testing.T) {
	got := CSV([]Row{{"A-1", "Щётка ×", 1234.5, 7}})
	want := "\xc0\xf0\xf2\xe8\xea\xf3\xeb;\xcd\xe0\xe8\xec\xe5\xed\xee\xe2\xe0\xed\xe8\xe5;\xd6\xe5\xed\xe0, \xf0\xf3\xe1.;\xce\xf1\xf2\xe0\xf2\xee\xea\r\n" +
		"A-1;\xd9\xb8\xf2\xea\xe0 ?;1234,50;7\r\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestXLSXIsWellFormed(t *testing.T) {
	b := XLSX([]Row{{"A-1", "Щётка <2>", 12.5, 7}})
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		var any struct {
			XMLName xml.Name
			Cells   []string `xml:"sheetData>row>c>is>t"`
			Values  []string `xml:"sheetData>row>c>v"`
		}
		if err := xml.Unmarshal(content, &any); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
		if f.Name == "xl/worksheets/sheet1.xml" {
			if len(any.Cells) != 6 || any.Cells[5] != "Щётка <2>" || fmt.Sprint(any.Values) != "[12.50 7]" {
				t.Errorf("cells %q, values %q", any.Cells, any.Values)
			}
		}
	}
	if len(r.File) != 5 {
		t.Errorf("%d members, want 5", len(r.File))
	}
}

func TestXLSRecords(t *testing.T) {
	b := XLS([]Row{{"A-1", "Щётка", 12.5, 7}})
	var kinds []string
	for len(b) >= 4 {
		kind, size := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		body := b[4 : 4+size]
		b = b[4+size:]
		switch kind {
		case 0x0004:
			text, err := charmap.Windows1251.NewDecoder().String(string(body[8:]))
			if err != nil || int(body[7]) != len(body)-8 {
				t.Errorf("label %q, length %d, %v", text, body[7], err)
			}
			kinds = append(kinds, text)
		case 0x0003:
			kinds = append(kinds, fmt.Sprint(math.Float64frombits(binary.LittleEndian.Uint64(body[7:]))))
		default:
			kinds = append(kinds, fmt.Sprintf("%x", kind))
		}
	}
	want := []string{"9", "Артикул", "Наименование", "Цена, руб.", "Остаток", "A-1", "Щётка", "12.5", "7", "a"}
	if diff := cmp.Diff(want, kinds); diff != "" || len(b) != 0 {
		t.Errorf("%d octets left; records (-want +got):\n%s", len(b), diff)
	}
}

func TestZipNames(t *testing.T) {
	for name, c := range map[string]struct {
		archive []byte
		want    string
		nonUTF8 bool
	}{
		"UTF-8": {Zip(Member{"прайс.csv", []byte("x")}), "прайс.csv", false},
		"CP866": {ZipCP866(Member{"прайс.csv", []byte("x")}), "\xaf\xe0\xa0\xa9\xe1.csv", true},
	} {
		r, err := zip.NewReader(bytes.NewReader(c.archive), int64(len(c.archive)))
		if err != nil {
			t.Fatal(err)
		}
		if f := r.File[0]; f.Name != c.want || f.NonUTF8 != c.nonUTF8 {
			t.Errorf("%s: name %q, not UTF-8 %t", name, f.Name, f.NonUTF8)
		}
	}
}

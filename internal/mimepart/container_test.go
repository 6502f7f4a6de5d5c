package mimepart

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"pricefetch/internal/mail"
)

// attribute is one attribute of TNEF with its checksum.
func attribute(id uint32, data string) string {
	sum := uint16(0)
	for i := range len(data) {
		sum += uint16(data[i])
	}
	return string(begun(id, uint32(len(data)))) + data + string(binary.LittleEndian.AppendUint16(nil, sum))
}

// begun is the beginning of an attribute that says to be so long.
func begun(id, length uint32) []byte {
	b := binary.LittleEndian.AppendUint32([]byte{2}, id)
	return binary.LittleEndian.AppendUint32(b, length)
}

const (
	tnefStart = tnefSignature + "\x01\x00"
	rendData  = 0x69002
	title     = 0x18010
	fileData  = 0x6800f
	fileProps = 0x69005
	tnefHead  = "Content-Type: application/ms-tnef\r\nContent-Transfer-Encoding: binary\r\n\r\n"
)

// words32 are numbers of 32 bits, little endian.
func words32(numbers ...uint32) string {
	var b []byte
	for _, n := range numbers {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	return string(b)
}

// filesOf walks a message and gives what came out whole, by path and name, and the walk's error.
func filesOf(raw string, v Visitor, lim Limits) (map[string]string, error) {
	files := map[string]string{}
	v.Want = func(p mail.Part) bool { return p.Attachment }
	v.Part = func(p mail.Part, r io.Reader) error {
		b, err := io.ReadAll(r)
		switch {
		case errors.Is(err, mail.ErrDamaged):
			files[p.Path+" "+p.Name] = "damaged"
			return nil
		case err == nil:
			files[p.Path+" "+p.Name] = string(b)
		}
		return err
	}
	return files, Walk(strings.NewReader(raw), v, lim)
}

// Whatever a winmail.dat claims about lengths and counts, nothing is allocated for it and the damage is told.
func TestTNEFHostile(t *testing.T) {
	first := attribute(rendData, "") + attribute(title, "a.csv\x00") + attribute(fileData, "1;2")
	prop := func(numbers ...uint32) string { return first + attribute(fileProps, words32(numbers...)) }
	nested := tnefStart + first
	for range 12 {
		object := words32(1, 0x3701000d, 1, uint32(16+len(nested))) + messageInterface + nested
		nested = tnefStart + attribute(rendData, "") + attribute(fileProps, object)
	}
	for _, c := range []struct{ name, stream, words, files string }{
		{"sound", tnefStart + first, "", "map[1.1 a.csv:1;2]"},
		{"nothing", tnefStart, "", "map[]"},
		{"signature alone", tnefSignature, "cut short", "map[]"},
		{"length of 4 GB", tnefStart + first + string(begun(fileData, 1<<32-1)) + "12345678", "cut short", "map[1.1 a.csv:1;2 1.2 unnamed-1.bin:damaged]"},
		{"no checksum", tnefStart + strings.TrimSuffix(first, first[len(first)-2:]), "cut short", "map[1.1 a.csv:damaged]"},
		{"unknown level behind a wrong checksum", tnefStart + first[:len(first)-2] + "\x00\x00" + "\x07aaaaaaaaaaaa", "attribute of level 7", "map[1.1 a.csv:damaged]"},
		{"unknown level behind a right one", tnefStart + first + "\x07aaaaaaaaaaaa", "", "map[1.1 a.csv:1;2]"},
		{"4 billion properties", tnefStart + prop(1<<32-1), "cut short", "map[1.1 a.csv:damaged]"},
		{"property of 4 GB", tnefStart + prop(1, 0x3707001f, 1, 1<<32-1), "cut short", "map[1.1 a.csv:damaged]"},
		{"4 billion values of no size", tnefStart + prop(1, 0x37071001, 1<<32-1), "", "map[1.1 a.csv:1;2]"},
		{"4 billion values of no length", tnefStart + prop(1, 0x3707001f, 1<<32-1, 0, 0, 0), "cut short", "map[1.1 a.csv:damaged]"},
		{"name of 4 GB", tnefStart + prop(1, 0x80010003, 1, 2, 3, 4, 1, 1<<32-1), "cut short", "map[1.1 a.csv:damaged]"},
		{"object without its interface", tnefStart + attribute(rendData, "") + attribute(title, "o\x00") + attribute(fileProps, words32(1, 0x3701000d, 1, 3, 0x00333231)), "", "map[1.1 o:123]"},
		{"attribute shorter than its numbers", tnefStart + attribute(0x69007, "12") + first, "", "map[1.1 a.csv:1;2]"},
		{"12 messages within each other", nested, "more than 8 encoded messages", "map[]"},
		{"a letter in it that is none", tnefStart + attribute(rendData, "") + attribute(fileProps, words32(1, 0x3701000d, 1, 19)+messageInterface+"123\x00") + first, "open message in winmail.dat in part 1.1", "map[1.2 a.csv:1;2]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files, err := filesOf(tnefHead+c.stream, Visitor{}, Limits{})
			if fmt.Sprint(files) != c.files {
				t.Errorf("%v, want %s", files, c.files)
			}
			if (err == nil) != (c.words == "") || err != nil && (!strings.Contains(err.Error(), c.words) || mail.ClassOf(err) != mail.Message) {
				t.Errorf("%v, want %q", err, c.words)
			}
		})
	}
	_, err := filesOf(tnefHead+tnefStart+strings.Repeat(first, 20), Visitor{}, Limits{Parts: 15})
	if !errors.Is(err, mail.ErrTooLarge) {
		t.Errorf("20 attachments where 15 parts are allowed: %v", err)
	}
}

// A container that is cut anywhere gives what was whole before the cut, and no file that is shorter than it was.
func TestContainersCut(t *testing.T) {
	content := strings.Repeat("1;2;3\r\n", 30)
	inner := "Content-Type: text/csv; name=a.csv\r\n\r\n" + content
	octets := func(parts ...string) (s string) {
		for _, p := range parts {
			s += "\x04\x81" + string([]byte{byte(len(p))}) + p
		}
		return s
	}
	signed := "\x30\x80" + signedOID + "\xa0\x80\x30\x80\x02\x01\x01\x31\x00\x30\x80\x06\x01\x2a\xa0\x80\x24\x80" + octets(inner[:140], inner[140:]) + strings.Repeat("\x00\x00", 7)
	for name, c := range map[string]struct{ head, stream, file string }{
		"tnef":  {tnefHead, tnefStart + attribute(rendData, "") + attribute(fileData, content) + attribute(title, "a.csv\x00"), content},
		"pkcs7": {"Content-Type: application/pkcs7-mime\r\n\r\n", signed, content},
		"uu":    {"\r\n", "begin 644 a.csv\r\n" + strings.Repeat("&,3LR.S,-\r\n", 30) + "`\r\nend\r\n", strings.Repeat("1;2;3\r", 30)},
	} {
		whole, err := filesOf(c.head+c.stream, Visitor{}, Limits{})
		if err != nil || len(whole) != 1 || whole["1.1 a.csv"] != c.file {
			t.Errorf("%s: %q, %v", name, whole, err)
		}
		for n := range len(c.stream) {
			files, err := filesOf(c.head+c.stream[:n], Visitor{}, Limits{})
			if err != nil && mail.ClassOf(err) != mail.Message {
				t.Errorf("%s cut at %d: %v", name, n, err)
			}
			for path, f := range files {
				if strings.HasPrefix(path, "1.") && f != c.file && f != "damaged" {
					t.Errorf("%s cut at %d: %s came out with %d bytes of %d", name, n, path, len(f), len(c.file))
				}
			}
		}
	}
}

// What claims to be signed and is not, stays an attachment.
func TestSignedHostile(t *testing.T) {
	seq := "\x30\x80" + signedOID
	body := seq + "\xa0\x80\x30\x80\x02\x01\x01\x31\x00\x30\x80\x06\x01\x2a\xa0\x80"
	for name, stream := range map[string]string{
		"nothing behind the type":  seq,
		"nothing signed":           body + "\x00\x00",
		"length of 8 bytes":        body + "\x04\x88\xff\xff\xff\xff\xff\xff\xff\xff" + "Content-Type: text/plain\r\n",
		"tag of several bytes":     body + "\x3f\x81\x01\x04",
		"no octets":                body + "\x02\x01\x01",
		"indefinite set for ever":  seq + "\xa0\x80\x30\x80\x02\x01\x01" + strings.Repeat("\x31\x80", 3000),
		"pieces within each other": body + strings.Repeat("\x24\x80", 3000),
		"algorithms too long":      seq + "\xa0\x80\x30\x80\x02\x01\x01\x31\x82\x20\x00" + strings.Repeat("a", 0x2000),
		"a piece beyond its end":   body + "\x24\x04\x04\x20" + "Content-Type: text/plain\r\n\r\nabc",
		"a file":                   body + "\x04\x08" + "Price: 1",
	} {
		files, err := filesOf("Content-Type: application/pkcs7-mime\r\n\r\n"+stream, Visitor{}, Limits{})
		if err != nil || len(files) != 1 || files["1 unnamed-1.p7m"] != stream {
			t.Errorf("%s: %q, %v", name, files, err)
		}
	}
}

func TestDecodeUU(t *testing.T) {
	for _, c := range []struct {
		line, want   string
		strict, fail bool
	}{
		{line: "#0V%T", want: "Cat"},
		{line: "#0V%T", want: "Cat", strict: true},
		{line: "!00", want: "A"},
		{line: "!00  ", want: "A"},
		{line: "!00``", want: "A"},
		{line: "!0", want: "@"},
		{line: "!0", strict: true, fail: true},
		{line: "#0V%Txy", fail: false, want: "Cat"},
		{line: "#0V%Txyz", fail: true},
		{line: "#0v%T", fail: true},
		{line: "#0V%T       ", want: "Cat"},
		{line: "", fail: true},
		{line: "`", fail: false},
		{line: "aaaa", fail: true},
		{line: " ", fail: true},
	} {
		got, ok := decodeUU(nil, []byte(c.line), c.strict)
		if ok == c.fail || ok && string(got) != c.want {
			t.Errorf("%q (strict %v): %q, %v", c.line, c.strict, got, ok)
		}
	}
}

// A body that a visitor wants as text is given to it as it is.
func TestWantedTextIsNotSearched(t *testing.T) {
	text := "begin 644 a.csv\r\n#,3LR\r\n`\r\nend\r\n"
	g, err := visit(strings.NewReader("\r\n"+text), Limits{}, nil)
	if err != nil || len(g.leaves) != 1 || g.contents["1"] != text {
		t.Errorf("%+v, %v", g, err)
	}
}

// large is a winmail.dat with one file of so many bytes "x", in front of its name.
func large(size int) io.Reader {
	sum := binary.LittleEndian.AppendUint16(nil, uint16(size*'x'))
	return io.MultiReader(strings.NewReader(tnefHead+tnefStart+attribute(rendData, "")+string(begun(fileData, uint32(size)))),
		io.LimitReader(&repeat{unit: "x"}, int64(size)), bytes.NewReader(sum), strings.NewReader(attribute(title, "a.bin\x00")))
}

// A file in a winmail.dat goes through the spool: memory does not depend on its size.
func TestTNEFLargeInLittleMemory(t *testing.T) {
	const size = 64 << 20
	var spools []string
	v := Visitor{Want: func(mail.Part) bool { return true }, Spool: func() (Spool, error) {
		f, err := os.CreateTemp(t.TempDir(), "")
		spools = append(spools, f.Name())
		return f, err
	}}
	var name string
	var got int64
	v.Part = func(p mail.Part, r io.Reader) (err error) {
		name = p.Name
		got, err = io.Copy(io.Discard, r)
		return err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := Walk(large(size), v, Limits{})
	runtime.ReadMemStats(&after)
	if err != nil || got != size || name != "a.bin" || len(spools) != 1 {
		t.Errorf("%v; %q with %d bytes by way of %q", err, name, got, spools)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
		t.Errorf("%d bytes were allocated, want less than 8 MiB in all", used)
	}
}

// failingSpool fails at the given call, and passes for memory otherwise.
type failingSpool struct {
	bytes.Buffer
	fail string
}

var errDisk = errors.New("disk")

func (f *failingSpool) at(what string) error {
	if f.fail == what {
		return errDisk
	}
	return nil
}

func (f *failingSpool) Write(p []byte) (int, error) {
	if err := f.at("write"); err != nil {
		return 0, err
	}
	return f.Buffer.Write(p)
}

func (f *failingSpool) Read(p []byte) (int, error) {
	if err := f.at("read"); err != nil {
		return 0, err
	}
	return f.Buffer.Read(p)
}

func (f *failingSpool) Seek(int64, int) (int64, error) { return 0, f.at("seek") }
func (f *failingSpool) Close() error                   { return f.at("close") }

// A disk that fails is neither the message's fault nor passed over in silence.
func TestSpoolFails(t *testing.T) {
	raw, err := io.ReadAll(large(3 << 20))
	if err != nil {
		t.Fatal(err)
	}
	for _, fail := range []string{"open", "write", "seek", "read", "close", ""} {
		files, err := filesOf(string(raw), Visitor{Spool: func() (Spool, error) {
			s := &failingSpool{fail: fail}
			return s, s.at("open")
		}}, Limits{})
		if fail == "" {
			if err != nil || len(files["1.1 a.bin"]) != 3<<20 {
				t.Errorf("%v, %d files", err, len(files))
			}
		} else if !errors.Is(err, errDisk) || mail.ClassOf(err) == mail.Message {
			t.Errorf("%s fails: %v of class %v", fail, err, mail.ClassOf(err))
		}
	}
	if _, err := filesOf(string(raw), Visitor{}, Limits{}); !errors.Is(err, mail.ErrTooLarge) || mail.ClassOf(err) != mail.Message {
		t.Errorf("without a spool: %v", err)
	}
}

// BenchmarkContainers opens a winmail.dat and searches a body.
func BenchmarkContainers(b *testing.B) {
	file := strings.Repeat("0123456789abcdef", 1<<15)
	stream := tnefStart + attribute(rendData, "") + attribute(fileData, file) + attribute(title, "a.bin\x00")
	text := strings.Repeat("Добрый день! Прайс во вложении, цены без НДС.\r\n", 1<<13)
	for name, raw := range map[string]string{
		"tnef":  "Content-Type: application/ms-tnef\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString([]byte(stream)),
		"text":  "Content-Type: text/plain; charset=utf-8\r\n\r\n" + text,
		"short": "Content-Type: text/plain; charset=utf-8\r\n\r\n" + text[:200],
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				if err := Walk(strings.NewReader(raw), Visitor{Want: func(p mail.Part) bool { return p.Attachment }}, Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package archive

import (
	"archive/zip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
)

// TestNames: a member has the name that a person would see.
func TestNames(t *testing.T) {
	cp866 := func(s string) string { return in(charmap.CodePage866, s) }
	cp1251 := func(s string) string { return in(charmap.Windows1251, s) }
	long := strings.Repeat("я", 996) + ".csv"
	for _, tt := range []struct {
		what    string
		members []packed
		want    []string
	}{
		{"ASCII", []packed{{name: "price.csv"}}, []string{"price.csv"}},
		{"CP866", []packed{{name: cp866("Прайс-лист на 25.11.xls")}, {name: cp866("№1.csv")}}, []string{"Прайс-лист на 25.11.xls", "№1.csv"}},
		{"CP1251", []packed{{name: cp1251("Остатки.csv")}, {name: cp1251("Ё.csv")}}, []string{"Остатки.csv", "Ё.csv"}},
		{"UTF-8 without a flag", []packed{{name: "Прайс.csv"}}, []string{"Прайс.csv"}},
		{"UTF-8 beside CP866", []packed{{name: "Прайс.csv"}, {name: cp866("Остатки.csv")}}, []string{"Прайс.csv", "Остатки.csv"}},
		{"decomposed", []packed{{name: "Праи\u0306с.csv"}}, []string{"Прайс.csv"}},
		{"by the book", []packed{{name: in(charmap.CodePage437, "Übersicht.xls")}}, []string{"Übersicht.xls"}},
		{"Unicode Path", []packed{{name: "?????.csv", header: zip.FileHeader{Extra: unicodePathField("?????.csv", "Прайс.csv")}}}, []string{"Прайс.csv"}},
		{"Unicode Path of another name", []packed{{name: "a.csv", header: zip.FileHeader{Extra: unicodePathField("b.csv", "Прайс.csv")}}}, []string{"a.csv"}},
		{"backslashes", []packed{{name: cp866(`Прайсы\Остатки.csv`)}}, []string{"Прайсы/Остатки.csv"}},
		{"out of the archive", []packed{{name: "../../etc/passwd"}, {name: `..\..\a.csv`}, {name: "/b.csv"}, {name: `C:\c.csv`}, {name: `\\host\share\d.csv`}, {name: "./e.csv"}},
			[]string{"etc/passwd", "a.csv", "b.csv", "c.csv", "host/share/d.csv", "e.csv"}},
		{"control characters", []packed{{name: "a\x00b\r\nc\x7f.csv"}}, []string{"a_b__c_.csv"}},
		{"no name", []packed{{name: ".."}, {name: ""}}, []string{"unnamed", "unnamed#2"}},
		{"one name twice", []packed{{name: "a/x.csv"}, {name: "b/x.csv"}, {name: "a/x.csv"}, {name: "a/x.csv#2"}, {name: `a\x.csv`}},
			[]string{"a/x.csv", "b/x.csv", "a/x.csv#2", "a/x.csv#2#2", "a/x.csv#3"}},
		{"long", []packed{{name: long}}, []string{long}},
		{"no members", []packed{{name: "dir/"}, {name: "__MACOSX/._price.csv"}, {name: "__MACOSX/price.csv"}, {name: "x/._y"}, {name: "Thumbs.db"}, {name: "d/DESKTOP.INI"}, {name: ".DS_Store"}}, nil},
		{"empty", nil, nil},
	} {
		s, err := unpack(t, "a.zip", makeZip(t, tt.members...))
		got := strings.Fields(strings.NewReplacer(" 0 e3b0c442", "", " ", "_").Replace(s.listing()))
		for i := range tt.want {
			tt.want[i] = strings.ReplaceAll(tt.want[i], " ", "_")
		}
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, got %q, want %q", tt.what, err, got, tt.want)
		}
		for i, m := range s.members {
			if m.Name != m.Path[strings.LastIndex(m.Path, "/")+1:] && !strings.Contains(m.Path, "#") {
				t.Errorf("%s: %q is named %q", tt.what, m.Path, m.Name)
			}
			if tt.what == "CP866" && m.RawName != tt.members[i].name {
				t.Errorf("raw name %q", m.RawName)
			}
		}
	}
}

func TestNamesInOldRar(t *testing.T) {
	b := makeRar4(packed{name: in(charmap.CodePage866, `Прайсы\Остатки.csv`), content: "1;2"}, packed{name: "price.csv", content: "3"})
	s, err := unpack(t, "a.rar", b)
	if want := "Прайсы/Остатки.csv 3 "; err != nil || !strings.HasPrefix(s.listing(), want) || len(s.members) != 2 {
		t.Errorf("%v\n%s", err, s.listing())
	}
}

func TestNameOfGzip(t *testing.T) {
	for _, tt := range []struct{ header, file, want string }{
		{"Прайс.csv", "x.gz", "Прайс.csv"}, {"", "Прайс.csv.gz", "Прайс.csv"}, {"", "прайс.CSV.GZ", "прайс.CSV"}, {"", "a.tgz", "a.tar"},
		{"", "price.xls", "price.xls"}, {"", ".gz", ".gz"}, {"../../etc/cron.d/x", "a.gz", "x"},
		{in(charmap.Windows1251, "Остатки.csv"), "a.gz", "Остатки.csv"}, {in(charmap.CodePage866, "Остатки.csv"), "a.gz", "Остатки.csv"},
	} {
		header := ""
		for i := range len(tt.header) {
			header += string(rune(tt.header[i])) // as the library wants the bytes of a name
		}
		s, err := unpack(t, tt.file, makeGzip(t, header, "1;2"))
		if err != nil || len(s.members) != 1 || s.members[0].Name != tt.want {
			t.Errorf("header %q, file %q: %v, %v", tt.header, tt.file, err, s.members)
		}
	}
}

// TestDocuments: a document is saved as it is, however much of a zip it is.
func TestDocuments(t *testing.T) {
	for name, members := range map[string][]packed{
		"xlsx by Excel":    {{name: "[Content_Types].xml"}, {name: "xl/workbook.xml"}},
		"xlsx by openpyxl": {{name: "docProps/app.xml"}, {name: "xl/workbook.xml"}, {name: "[Content_Types].xml"}},
		"ods":              {{name: "mimetype", content: "application/vnd.oasis.opendocument.spreadsheet"}, {name: "content.xml"}},
		"odd ods":          {{name: "content.xml"}, {name: "META-INF/manifest.xml"}, {name: "mimetype"}},
		"jar":              {{name: "META-INF/"}, {name: "META-INF/MANIFEST.MF"}, {name: "A.class"}},
		"apk":              {{name: "res/a.xml"}, {name: "AndroidManifest.xml"}},
		"numbers":          {{name: "preview.jpg"}, {name: "Index/Document.iwa"}},
	} {
		b := makeZip(t, members...)
		s := newTaken()
		if isArchive, err := New(DefaultLimits(), nil).Unpack(t.Context(), "x.zip", contentOf(b), s); isArchive || err != nil || len(s.asked) > 0 {
			t.Errorf("%s: an archive %v, %v, %d asked", name, isArchive, err, len(s.asked))
		}
		s, err := unpack(t, "outer.zip", makeZip(t, packed{name: "in/doc", content: string(b)}))
		if err != nil || len(s.members) != 1 || string(s.files["in/doc"]) != string(b) {
			t.Errorf("%s in a zip: %v, %s", name, err, s.listing())
		}
	}
	for name, b := range map[string]string{
		"text": "PK is not enough", "empty": "", "program": "MZ\x90\x00 PK\x03\x04 Rar!\x1a\x07\x00", "tar": "price.csv\x00\x00",
		"cut off xlsx": string(makeZip(t, packed{name: "[Content_Types].xml", content: "x"}))[:60],
	} {
		if isArchive, err := New(DefaultLimits(), nil).Unpack(t.Context(), "x.zip", contentOf([]byte(b)), newTaken()); isArchive || err != nil {
			t.Errorf("%s: an archive %v, %v", name, isArchive, err)
		}
	}
	s, err := unpack(t, "a.zip", makeZip(t, packed{name: "mimetype.txt"}, packed{name: "mimetype"}))
	if err != nil || len(s.members) != 2 {
		t.Errorf("a zip with a file mimetype: %v, %s", err, s.listing())
	}
}

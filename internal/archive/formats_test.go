package archive

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pricefetch/internal/mail"
)

// both is what most of the archives in testdata hold.
const both = "Прайс.csv 12728 6b0efc43\nПрайсы/Остатки.csv 21 d670ff8a\n"

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestFormats: what real programs packed comes out, in whatever way it was packed.
func TestFormats(t *testing.T) {
	const abcd = "a.txt 18 02dc86d8\nb.txt 18 7ff61dd1\nc.txt 18 0b8a3f12\nd.txt 18 7e57320e\n"
	const four = "test1.bin 4096 7d89f86f\ntest2.bin 4096 f81e6fce\ntest3.bin 4096 5e621f2b\ntest4.bin 4096 2627f401\n"
	for _, tt := range []struct{ file, want, passwords string }{
		{"infozip.zip", both, ""}, {"unicodepath.zip", both, ""}, {"zip64-stream.zip", both, ""},
		{"deflate64.zip", both, ""}, {"bzip2.zip", both, ""},
		{"classic.zip", both, "wrong secret other"}, {"classic7z.zip", both, "secret"},
		{"aes128.zip", both, "wrong secret"}, {"aes256.zip", both, "wrong secret"},
		{"lzma.7z", both, ""}, {"lzma2.7z", both, ""}, {"ppmd.7z", both, ""}, {"bzip2.7z", both, ""}, {"deflate.7z", both, ""},
		{"copy.7z", both, ""}, {"nonsolid.7z", both, ""}, {"bcj2.7z", both, ""}, {"bsdtar.7z", both, ""},
		{"crypt.7z", both, "wrong тайна other"}, {"crypthead.7z", both, "wrong тайна"},
		{"price.csv.gz", "price.csv 12728 6b0efc43\n", ""},
		{"rar4-crypt.rar", abcd, "wrong password"}, {"rar4-crypthead.rar", abcd, "wrong password"},
		{"rar5-crypt.rar", abcd, "wrong password"}, {"rar5-crypthead.rar", abcd, "wrong password"},
		{"rar5.rar", "test.bin 1200 588870a2\n", ""}, {"rar5-solid.rar", four, ""}, {"rar5-blake2.rar", "cebula.txt 814 1e985402\n", ""},
		{"rar5-zip.rar", "payload/inner.zip/THIS_IS_INSIDE_THE_ZIP.txt 13 26266747\npayload/real_after.txt 21 c70b2aeb\n", ""},
	} {
		s, err := unpack(t, tt.file, read(t, tt.file), strings.Fields(tt.passwords)...)
		if err != nil || sorted(s.listing()) != sorted(tt.want) {
			t.Errorf("%s: %v, got\n%swant\n%s", tt.file, err, s.listing(), tt.want)
		}
	}
}

// TestOnlyWhatIsWanted: a solid archive of which the first members are not wanted.
func TestOnlyWhatIsWanted(t *testing.T) {
	for _, file := range []string{"rar5-solid.rar", "rar4-normal.rar", "rar4-best.rar", "lzma2.7z", "nonsolid.7z", "infozip.zip"} {
		b := read(t, file)
		s := newTaken()
		s.want = func(m mail.Member) bool {
			return m.Name == "test3.bin" || m.Path == "LibarchiveAddingTest.html" || m.Name == "Остатки.csv"
		}
		_, err := New(DefaultLimits(), nil).Unpack(t.Context(), file, contentOf(b), s)
		if err != nil || len(s.members) != 1 || len(s.asked) < 2 {
			t.Errorf("%s: %v, %d of %d taken", file, err, len(s.members), len(s.asked))
		}
	}
}

// TestTypedErrors: the caller can tell what is wrong, and a person what to do.
func TestTypedErrors(t *testing.T) {
	for _, tt := range []struct {
		file, passwords string
		is              error
		says            string
	}{
		{"classic.zip", "", mail.ErrEncrypted, "Прайс"}, {"classic.zip", "wrong no никак", mail.ErrEncrypted, "no password fits"},
		{"aes256.zip", "wrong", mail.ErrEncrypted, ""}, {"crypt.7z", "", mail.ErrEncrypted, ""}, {"crypt.7z", "a b", mail.ErrEncrypted, ""},
		{"crypthead.7z", "", mail.ErrEncrypted, ""}, {"crypthead.7z", "a b", mail.ErrEncrypted, ""},
		{"rar4-crypt.rar", "", mail.ErrEncrypted, ""}, {"rar4-crypt.rar", "a b", mail.ErrEncrypted, ""},
		{"rar4-crypthead.rar", "a", mail.ErrEncrypted, ""}, {"rar5-crypt.rar", "a b", mail.ErrEncrypted, ""},
		{"rar5-crypthead.rar", "", mail.ErrEncrypted, ""}, {"rar5-crypthead.rar", "a b", mail.ErrEncrypted, ""},
		{"rar4-passwords.rar", "password", mail.ErrEncrypted, "d.txt"}, {"rar5-passwords.rar", "password", mail.ErrEncrypted, "d.txt"},
		{"lzma.zip", "", mail.ErrUnsupported, "14 (LZMA)"}, {"link.zip", "", mail.ErrUnsupported, "price-link.csv: a link"},
		{"link.7z", "", mail.ErrUnsupported, "a link"}, {"rar4-best.rar", "", mail.ErrUnsupported, "testlink: a link"},
		{"rar5-hardlink.rar", "", mail.ErrUnsupported, "hardlink.txt: a link"}, {"rar5-unicode.rar", "", mail.ErrUnsupported, "a link"},
		{"rar4-part1.rar", "", mail.ErrUnsupported, "several volumes"}, {"rar5-part2.rar", "", mail.ErrUnsupported, "several volumes"},
	} {
		s, err := unpack(t, tt.file, read(t, tt.file), strings.Fields(tt.passwords)...)
		if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s with passwords %q: %v\n%s", tt.file, tt.passwords, err, s.listing())
			continue
		}
		for _, password := range strings.Fields(tt.passwords) {
			if len(password) > 2 && password != "password" && strings.Contains(err.Error(), password) {
				t.Errorf("%s: the error shows a password: %v", tt.file, err)
			}
		}
	}
}

package mailtest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func imapDial(t *testing.T, m *IMAP) *imapclient.Client {
	t.Helper()
	port, err := m.Listen()
	if err != nil {
		t.Fatal(err)
	}
	c, err := imapclient.DialInsecure(fmt.Sprintf("127.0.0.1:%d", port), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.Login("склад", "пароль").Wait(); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestIMAPShowsWhatIsThere(t *testing.T) {
	defer goleak.VerifyNone(t)
	m := NewIMAP()
	defer m.Close()
	const folder = "INBOX/Прайсы"
	if err := m.AddUser("склад", "пароль", folder); err != nil {
		t.Fatal(err)
	}
	received := time.Date(2023, 11, 20, 6, 30, 15, 0, time.UTC)
	var want []Info
	for i, raw := range []string{"Message-ID: <1@x>\r\n\r\n\xcf\xf0\xe0\r\n", "Subject: x\r\n\r\n"} {
		if err := m.Append("склад", folder, []byte(raw), received, imap.FlagFlagged); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(raw))
		want = append(want, Info{UID: uint32(i + 1), Flags: []string{`\Flagged`}, Size: int64(len(raw)), Received: received,
			SHA256: hex.EncodeToString(sum[:])})
	}
	want[0].MessageID = "<1@x>"
	for range 2 { // looking does not change what is seen
		got, err := m.Messages("склад", folder)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
	}
	if got, err := m.Messages("склад", "INBOX"); err != nil || len(got) != 0 {
		t.Errorf("INBOX: %v, %v; want nothing", got, err)
	}
	if _, err := m.Messages("другой", "INBOX"); err == nil {
		t.Error("no error for a user that does not exist")
	}
	if err := m.Append("склад", "нет такой", nil, received); err == nil {
		t.Error("no error for a folder that does not exist")
	}
}

// Deleting over the public port shows inside; UIDs are not used again until the folder is made anew.
func TestIMAPDeletesAndResets(t *testing.T) {
	m := NewIMAP()
	defer m.Close()
	if err := m.AddUser("склад", "пароль"); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := m.Append("склад", "INBOX", fmt.Appendf(nil, "Message-ID: <%d@x>\r\n\r\n", i), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	c := imapDial(t, m)
	before, err := c.Select("INBOX", nil).Wait()
	if err != nil {
		t.Fatal(err)
	}
	two := imap.UIDSetNum(2)
	if err := c.Store(two, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.UIDExpunge(two).Close(); err != nil {
		t.Fatal(err)
	}
	got, err := m.Messages("склад", "INBOX")
	if err != nil || len(got) != 2 || got[0].UID != 1 || got[1].UID != 3 {
		t.Errorf("after UID EXPUNGE 2: %+v, %v", got, err)
	}
	if err := m.Recreate("склад", "INBOX"); err != nil {
		t.Fatal(err)
	}
	after, err := c.Select("INBOX", nil).Wait()
	if err != nil {
		t.Fatal(err)
	}
	if after.UIDValidity == before.UIDValidity || after.NumMessages != 0 {
		t.Errorf("UIDVALIDITY %d → %d with %d messages; want another and none", before.UIDValidity, after.UIDValidity, after.NumMessages)
	}
}

func TestIMAPCapabilities(t *testing.T) {
	cases := []struct {
		caps          []imap.Cap
		uidplus, move bool
	}{
		{nil, true, true},
		{[]imap.Cap{imap.CapUIDPlus}, true, false},
		{[]imap.Cap{imap.CapNamespace}, false, false},
	}
	for _, c := range cases {
		t.Run(fmt.Sprint(c.caps), func(t *testing.T) {
			m := NewIMAP(c.caps...)
			defer m.Close()
			if err := m.AddUser("склад", "пароль"); err != nil {
				t.Fatal(err)
			}
			caps := imapDial(t, m).Caps()
			if caps.Has(imap.CapUIDPlus) != c.uidplus || caps.Has(imap.CapMove) != c.move {
				t.Errorf("offered %v", caps)
			}
		})
	}
}

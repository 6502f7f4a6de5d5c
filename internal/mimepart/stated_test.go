package mimepart

import (
	"testing"

	"pricefetch/internal/mail"
)

// A name that a server states comes out as it does from the part's own header.
func TestStated(t *testing.T) {
	type params = map[string]string
	for name, tt := range map[string]struct {
		typ     string
		params  params
		how     string
		dparams params
		want    mail.Part
	}{
		"plain":         {"application/vnd.ms-excel", nil, "attachment", params{"filename": "price.xls"}, mail.Part{Name: "price.xls", Disposition: "attachment", Attachment: true, Named: true}},
		"decoded":       {"APPLICATION/X", nil, "ATTACHMENT", params{"FILENAME": "Прайс «ноябрь».xls"}, mail.Part{Name: "Прайс «ноябрь».xls", Disposition: "attachment", Attachment: true, Named: true}},
		"encoded words": {"application/x", params{"name": "=?koi8-r?B?8NLBytMueGxz?="}, "", nil, mail.Part{Name: "Прайс.xls", Attachment: true, Named: true}},
		"RFC 2231":      {"application/x", nil, "attachment", params{"filename*0*": "utf-8''%D0%BF%D1", "filename*1*": "%80.xls"}, mail.Part{Name: "пр.xls", Disposition: "attachment", Attachment: true, Named: true}},
		"quotes":        {"application/x", nil, "attachment", params{"filename": "a\"b\\c\r\nd.xls"}, mail.Part{Name: `a"b\c  d.xls`, Disposition: "attachment", Attachment: true, Named: true}},
		"text":          {"text/plain", params{"charset": "utf-8"}, "", nil, mail.Part{}},
		"nameless":      {"application/pdf", nil, "attachment", nil, mail.Part{Disposition: "attachment", Attachment: true}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Stated(tt.typ, tt.params, tt.how, tt.dparams, "")
			if got.Name != tt.want.Name || got.Disposition != tt.want.Disposition || got.Attachment != tt.want.Attachment || got.Named != tt.want.Named || got.Path != "" {
				t.Errorf("part %+v", got)
			}
		})
	}
}

// Where only the content can tell, that is known; an inline picture that the text refers to tells enough.
func TestUntold(t *testing.T) {
	named := func(name string) map[string]string { return map[string]string{"name": name} }
	for _, tt := range []struct {
		typ, how, id string
		params       map[string]string
		want         bool
	}{
		{typ: "application/vnd.ms-excel", params: named("a.xls")},
		{typ: "application/octet-stream", params: named("a.xls"), how: "attachment"},
		{typ: "text/plain"},
		{typ: "text/html"},
		{typ: "image/png", how: "inline", id: "<1@a>"},
		{typ: "application/pkcs7-signature", params: named("smime.p7s"), how: "attachment"},
		{typ: "application/pdf", want: true},
		{typ: "text/plain", how: "attachment", want: true},
		{typ: "APPLICATION/MS-TNEF", params: named("winmail.dat"), want: true},
		{typ: "application/octet-stream", params: named("WINMAIL.DAT"), want: true},
		{typ: "application/x-pkcs7-mime", params: named("smime.p7m"), want: true},
		{typ: "application/octet-stream", params: named("letter.p7m"), want: true},
		{typ: "application/octet-stream", params: named("letter.bin"), want: true},
		{typ: "application/octet-stream", params: named("Прайс"), want: true},
		{typ: "application/octet-stream", params: named("от 16.11"), want: false},
		{typ: "application/octet-stream", params: named("от 16. лист"), want: true},
		{typ: "application/octet-stream", params: named("'price.xls"), want: true},
		{typ: "application/octet-stream", params: named("C:Docsprice.xls"), want: true},
		{typ: "application/octet-stream", params: named("a.xls; size=600"), want: true},
		{typ: "message/rfc822", want: true},
		{typ: "message/rfc822", params: named("letter.eml"), want: true},
		{typ: "multipart/mixed", want: true},
	} {
		p := Stated(tt.typ, tt.params, tt.how, nil, tt.id)
		if got := Untold(p); got != tt.want {
			t.Errorf("%s %v %s %s: %v, part %+v", tt.typ, tt.params, tt.how, tt.id, got, p)
		}
	}
}

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
			got := Stated(tt.typ, tt.params, tt.how, tt.dparams)
			if got.Name != tt.want.Name || got.Disposition != tt.want.Disposition || got.Attachment != tt.want.Attachment || got.Named != tt.want.Named || got.Path != "" {
				t.Errorf("part %+v", got)
			}
		})
	}
}

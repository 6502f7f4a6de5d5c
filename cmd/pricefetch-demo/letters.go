package main

import (
	"fmt"
	"time"

	"pricefetch/internal/mailtest"
)

// letter is one message of the demo and where it lies.
type letter struct {
	mailbox string // name in demo.yaml
	folder  string // IMAP only
	age     time.Duration
	mailtest.MessageOptions
}

const (
	imapBox = "prices"
	popBox  = "sklad"
	inbox   = "INBOX"
	prices  = "INBOX/Прайсы"
)

// letters are the demo's mail: what suppliers send, what else lies in a mailbox, and what only looks like a price list.
func letters() []letter {
	return append(wanted(), others()...)
}

// file is one attachment with made-up rows.
func file(name string, kind mailtest.Kind, seed uint64, encoding mailtest.NameEncoding) mailtest.Attachment {
	return mailtest.Attachment{Name: name, Type: kind.MediaType(), Content: kind.Content(seed, 40+int(seed)), Encoding: encoding}
}

func files(list ...mailtest.Attachment) []mailtest.Attachment { return list }

// wanted are letters whose attachments the rules take.
func wanted() []letter {
	const (
		xls, xlsx, csv, zip = mailtest.KindXLS, mailtest.KindXLSX, mailtest.KindCSV, mailtest.KindZip
		autoparts           = "ООО «Автозапчасть» <price@autoparts.example>"
		shiny               = "Шины и диски <rassylka@opt.shiny.example>"
		elkin               = "ИП Ёлкин А. Б. <elkin@sklad.example>"
		svecha              = "Торговый дом «Свеча» <Price@Svecha.Example>"
		bearings            = "Bearings GmbH <preisliste@bearings.example>"
	)
	quoted := file("остатки ёмкости.csv", csv, 9, mailtest.RFC2231)
	quoted.Quoted = true
	named := func(from, subject, id string, list ...mailtest.Attachment) mailtest.MessageOptions {
		return mailtest.MessageOptions{From: from, Subject: subject, ID: id, Files: list}
	}
	twice := named(bearings, "Price list, week 47", "week47@bearings.example", file("pricelist bearings w47.xlsx", xlsx, 6, mailtest.RawUTF8))
	return []letter{
		{imapBox, inbox, 30 * time.Hour, named(autoparts, "Прайс-лист и остатки", "1@autoparts.example",
			file("Прайс-лист Автозапчасть с ценами для оптовых покупателей.xls", xls, 1, mailtest.RFC2231Parts),
			file("Остатки на складе.csv", csv, 2, mailtest.RFC2047B))},
		{imapBox, inbox, 29 * time.Hour, named(shiny, "Прайс шины зима", "1@shiny.example", file("прайс шины.xlsx", xlsx, 3, mailtest.RFC2047Q))},
		{imapBox, inbox, 5 * time.Hour, named(shiny, "Fwd: ПРАЙС шины зима, исправленный", "2@shiny.example",
			file("прайс шины.xlsx", xlsx, 4, mailtest.RFC2047B))},
		{imapBox, prices, 4 * time.Hour, named("Северный склад <noreply@sever.example>", "price", "1@sever.example",
			file("price_sever.zip", zip, 5, mailtest.TypeOnly))},
		{imapBox, prices, 3 * time.Hour, twice},
		{imapBox, prices, 2 * time.Hour, named(svecha, "Цены", "1@svecha.example", file("ПРАЙС СВЕЧИ.XLS", xls, 7, mailtest.RawCP1251))},
		{popBox, "", 50 * time.Hour, named(svecha, "Цены на декабрь", "2@svecha.example", file("свечи декабрь.xls", xls, 8, mailtest.RFC2047KOI8))},
		{popBox, "", 20 * time.Hour, named(elkin, "остатки", "1@sklad.example", quoted)},
		{popBox, "", 3 * time.Hour, twice}, // the same letter in both mailboxes: its file goes out once
	}
}

// others are letters from which nothing is to be saved.
func others() []letter {
	old := mailtest.PriceLetter(mailtest.Suppliers()[0], 41, time.Now().AddDate(0, 0, -40))
	renamed := mailtest.MessageOptions{From: "ООО «Автозапчасть» <price@autoparts.example>", Subject: "Новый формат", ID: "2@autoparts.example",
		Files: files(file("каталог 2026.pdf", mailtest.KindZip, 11, mailtest.RFC2231))}
	excluded := mailtest.MessageOptions{From: "ООО «Автозапчасть» <price@autoparts.example>", Subject: "Для архива", ID: "3@autoparts.example",
		Files: files(file("прайс старый.xls", mailtest.KindXLS, 12, mailtest.RFC2231))}
	forged := mailtest.MessageOptions{From: `"price@autoparts.example" <robot@spam.example>`, Subject: "Прайс", ID: "1@spam.example",
		Files: files(file("прайс.xls", mailtest.KindXLS, 13, mailtest.RFC2047B))}
	later := mailtest.MessageOptions{From: "Будущий поставщик <hello@later.example>", Subject: "Прайс", ID: "1@later.example",
		Files: files(file("прайс.xlsx", mailtest.KindXLSX, 14, mailtest.RFC2231))}
	out := []letter{
		{imapBox, inbox, 40 * 24 * time.Hour, old},
		{imapBox, inbox, 10 * time.Hour, renamed},
		{imapBox, inbox, 9 * time.Hour, excluded},
		{imapBox, inbox, 8 * time.Hour, forged},
		{imapBox, prices, 7 * time.Hour, later},
	}
	for seed := range uint64(3) {
		age := time.Duration(seed+1) * time.Hour
		out = append(out, letter{imapBox, inbox, age, mailtest.OtherLetter(seed, time.Now())},
			letter{popBox, "", age, mailtest.OtherLetter(seed+14, time.Now())})
	}
	return out
}

// raw returns the letter as it lies on the server, with dates that suit its age.
func (l letter) raw(now time.Time) ([]byte, time.Time) {
	received := now.Add(-l.age)
	l.Received, l.Date = received, received.Add(-time.Minute)
	if l.ID == "" {
		l.ID = fmt.Sprintf("%d@demo.example", received.Unix())
	}
	return mailtest.Message(l.MessageOptions), received
}

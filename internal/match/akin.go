package match

import (
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// akin reports whether an address that the rule refuses comes from a house that it knows: the domain of one of its sender
// masks, or another one under the same registered name. At a provider where anybody has an address, nobody is akin.
func (c *rule) akin(a address) bool {
	house := registered(a.domain)
	return house != "" && slices.ContainsFunc(c.from, func(m senderMask) bool { return !m.any && registered(m.domain) == house })
}

// registered is the part of a canonical domain that its owner registered, "a.ru" of "mail.a.ru"; "" where that tells
// nothing about who writes.
func registered(domain string) string {
	if domain == "" || strings.HasPrefix(domain, "[") {
		return ""
	}
	house, err := publicsuffix.EffectiveTLDPlusOne(domain)
	if err != nil || slices.Contains(everybody, house) {
		return ""
	}
	return house
}

// House is the part of an address's domain that its owner registered, in Punycode: "a.ru" of "price@mail.a.ru". It is "" where that
// tells nothing about who writes, as at a provider where anybody has an address.
func House(addr string) string {
	_, domain, ok := cutAddress(strings.TrimSpace(addr))
	if !ok || domain == "" {
		return ""
	}
	return registered(canonicalDomain(domain))
}

// everybody are the domains at which anybody can have an address.
var everybody = []string{
	"mail.ru", "inbox.ru", "list.ru", "bk.ru", "internet.ru", "xmail.ru", "vk.com",
	"yandex.ru", "yandex.com", "yandex.by", "yandex.kz", "yandex.ua", "yandex.uz", "ya.ru", "narod.ru",
	"rambler.ru", "lenta.ru", "autorambler.ru", "myrambler.ru", "ro.ru", "rambler.ua",
	"pochta.ru", "qip.ru", "nm.ru", "hotbox.ru", "fromru.com", "nxt.ru", "km.ru", "sibmail.com", "hotmail.ru",
	"tut.by", "mail.by", "mail.kz", "ukr.net", "i.ua", "meta.ua", "bigmir.net",
	"gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "live.ru", "msn.com",
	"icloud.com", "me.com", "mac.com", "yahoo.com", "ymail.com", "aol.com", "mail.com", "zoho.com", "fastmail.com",
	"proton.me", "protonmail.com", "tutanota.com", "gmx.de", "gmx.net", "gmx.com", "web.de", "t-online.de",
	"163.com", "126.com", "qq.com", "sina.com", "naver.com", "seznam.cz", "wp.pl", "o2.pl", "onet.pl", "abv.bg",
}

package mimepart

import "testing"

func TestDecodeText(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "Price list", "Price list"},
		{"empty", "", ""},
		{"B", "=?utf-8?B?0J/RgNCw0LnRgQ==?=", "Прайс"},
		{"lower-case b, odd charset name", "=?cp-1251?b?z/Dg6fE=?=", "Прайс"},
		{"Q", "=?windows-1251?Q?=CF=F0=E0=E9=F1_1=2E?=", "Прайс 1."},
		{"text around", "Re: =?utf-8?Q?=D0=9F?= (2)", "Re: П (2)"},
		{"blanks between words go", "=?utf-8?Q?=D0=9F?=  \t=?utf-8?Q?=D1=80?=", "Пр"},
		{"blanks before text stay", "=?utf-8?Q?a?= b =?utf-8?Q?c?=", "a b c"},
		{"split character", "=?utf-8?Q?=D0?= =?UTF-8?Q?=9F?=", "П"},
		{"split quantum", "=?utf-8?B?0J/R?= =?utf-8?B?gNCw?=", "Пра"},
		{"split inside a base64 quantum", "=?utf-8?B?0J/RgNC?= =?utf-8?B?w0LnRgQ==?=", "Прайс"},
		{"padding in between", "=?utf-8?B?0J8=?= =?utf-8?B?0YA=?=", "Пр"},
		{"two charsets", "=?koi8-r?Q?=F0?= =?windows-1251?Q?=F0?=", "Пр"},
		{"B and Q of one charset", "=?utf-8?B?0A==?= =?utf-8?Q?=9F?=", "П"},
		{"language", "=?utf-8*ru-RU?Q?=D0=9F?=", "П"},
		{"glued", "a=?utf-8?Q?=D0=9F?=b", "aПb"},
		{"blanks inside", "=?utf-8?Q?=D0=9F =D1=80?=", "П р"},
		{"raw inside", "=?utf-8?Q?Пр?=", "Пр"},
		{"missing padding", "=?utf-8?B?0J/RgNCw0LnRgQ?=", "Прайс"},
		{"a sextet too many", "=?utf-8?B?0J/QsNC0A?=", "Пад"},
		{"bad hex", "=?utf-8?Q?100=%_=D0=9F?=", "100=% П"},
		{"not ended", "=?utf-8?Q?abc", "=?utf-8?Q?abc"},
		{"unknown encoding", "=?utf-8?X?abc?=", "=?utf-8?X?abc?="},
		{"unknown charset is guessed", "=?nobody?Q?=CF=F0=E0=E9=F1?=", "Прайс"},
		{"wrong charset is guessed", "=?utf-8?Q?=CF=F0=E0=E9=F1?=", "Прайс"},
		{"false start", "=? =?utf-8?Q?=D0=9F?=", "=? П"},
		{"raw next to a word", "\xcf\xf0\xe0\xe9\xf1 =?utf-8?Q?=D0=9F?=", "Прайс П"},
		{"iso-2022-jp in two words", "=?iso-2022-jp?B?GyRCMkEbKEI=?= =?iso-2022-jp?B?GyRCM0obKEI=?=", "価格"},
	}
	for _, tt := range tests {
		if got := decodeText(tt.in, ""); got != tt.want {
			t.Errorf("%s: decodeText(%q) = %q, expected %q", tt.name, tt.in, got, tt.want)
		}
	}
}

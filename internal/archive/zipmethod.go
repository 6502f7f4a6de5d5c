package archive

import (
	"compress/bzip2"
	"compress/flate"
	"fmt"
	"io"
)

const (
	methodStore     = 0
	methodDeflate   = 8
	methodDeflate64 = 9
	methodBzip2     = 12
	methodAES       = 99
)

// inflate decodes a member's content.
func inflate(method uint16, r io.Reader) (io.Reader, error) {
	switch method {
	case methodStore:
		return r, nil
	case methodDeflate:
		return flate.NewReader(r), nil
	case methodDeflate64:
		return newDeflate64(r), nil
	case methodBzip2:
		return bzip2.NewReader(r), nil
	}
	return nil, unsupported("compression method %s", methodName(method))
}

// methodName names a method as APPNOTE.TXT section 4.4.5 does.
func methodName(method uint16) string {
	names := map[uint16]string{
		1: "Shrink", 2: "Reduce", 3: "Reduce", 4: "Reduce", 5: "Reduce", 6: "Implode", 10: "PKWARE Implode", 14: "LZMA",
		18: "IBM TERSE", 19: "IBM LZ77", 20: "Zstandard", 93: "Zstandard", 94: "MP3", 95: "XZ", 96: "JPEG", 97: "WavPack", 98: "PPMd",
	}
	if name, ok := names[method]; ok {
		return fmt.Sprintf("%d (%s)", method, name)
	}
	return fmt.Sprint(method)
}

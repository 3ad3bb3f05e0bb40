package skipthought

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"os"
	"unicode/utf8"

	"tall"
)

// maxDictionary bounds the dictionary, of 0.9 million words in 8 MB as published.
const maxDictionary = 1 << 30

// dictionary finds the row of a word. A Go map of as many strings would take five times
// the time to fill, which every start of the program pays.
type dictionary struct {
	text  []byte
	words []wordAt // (lines)
	slots []uint32 // line+1 of a word whose hash leads here, or to a slot before; 0: free
	seed  maphash.Seed
}

// wordAt is a word in the text.
type wordAt struct{ from, to uint32 }

// readDictionary reads a dictionary: one word a line, white space around it left out. Of
// a word that stands twice the last counts.
func readDictionary(path string) (*dictionary, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, absent(path, err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxDictionary {
		return nil, fmt.Errorf("%w: %s of %d bytes is no dictionary", tall.ErrFormat, path, info.Size())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d, err := parseDictionary(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

func parseDictionary(text []byte) (*dictionary, error) {
	if len(text) > maxDictionary {
		return nil, fmt.Errorf("%w: a dictionary of %d bytes", tall.ErrFormat, len(text))
	}
	lines := bytes.Count(text, []byte("\n")) + 1
	size := 4
	for size < 2*lines {
		size *= 2
	}
	d := &dictionary{text: text, words: make([]wordAt, 0, lines), slots: make([]uint32, size), seed: maphash.MakeSeed()}
	for from := 0; from < len(text); {
		end := len(text)
		if n := bytes.IndexByte(text[from:], '\n'); n >= 0 {
			end = from + n
		}
		w := wordAt{uint32(from), uint32(end)}
		if line := text[from:end]; len(line) > 0 && (!visible(line[0]) || !visible(line[len(line)-1])) {
			w.from += uint32(len(line) - len(bytes.TrimLeftFunc(line, isSpace)))
			w.to = w.from + uint32(len(bytes.TrimFunc(line, isSpace)))
		}
		word := text[w.from:w.to]
		if !utf8.Valid(word) {
			return nil, fmt.Errorf("%w: line %d is not UTF-8; the dictionary has one word a line", tall.ErrFormat, len(d.words)+1)
		}
		d.words = append(d.words, w)
		if len(word) > 0 {
			d.slots[d.slot(word)] = uint32(len(d.words))
		}
		from = end + 1
	}
	return d, nil
}

// visible reports whether a byte is an ASCII character that nobody trims.
func visible(c byte) bool { return c > ' ' && c < 0x7f }

// slot is where a word is, or belongs. There always is a free slot.
func (d *dictionary) slot(word []byte) int {
	mask := len(d.slots) - 1
	for i := int(maphash.Bytes(d.seed, word)) & mask; ; i = (i + 1) & mask {
		if d.slots[i] == 0 {
			return i
		}
		if w := d.words[d.slots[i]-1]; bytes.Equal(d.text[w.from:w.to], word) {
			return i
		}
	}
}

// row is the row of a word.
func (d *dictionary) row(word string) (int, bool) {
	line := d.slots[d.slot([]byte(word))]
	return int(line) - 1, line > 0 && word != ""
}

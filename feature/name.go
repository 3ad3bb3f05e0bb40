package feature

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"tall"
)

// extension of a window's file.
const extension = ".npy"

// What can be wrong with a name. A file without a span is not a window and may
// lie among windows; the others are mistakes.
var (
	errNoSpan  = errors.New("holds no span")
	errNoVideo = errors.New("holds no video id")
	errNotUTF8 = errors.New("is not UTF-8")
	errControl = errors.New("holds control characters")
	errLarge   = fmt.Errorf("holds a number above %d", math.MaxInt32)
)

// FileName is the name of a window's file, {video}_{start}_{end}.npy, in frames.
func FileName(video string, start, end int) string {
	return ClipName(video, start, end) + extension
}

// ClipName is the name of a span in the reference's pickles and results,
// {video}_{start}_{end}, in frames.
func ClipName(video string, start, end int) string {
	return video + "_" + strconv.Itoa(start) + "_" + strconv.Itoa(end)
}

// ParseName takes a window's file name apart, "s27-d50.avi_1_129.npy" into
// "s27-d50.avi", 1 and 129. The span is the last two numbers, so that a video id
// may hold dots, underscores, blanks and any letters (the reference cut at the
// first underscore). The errors wrap [tall.ErrFormat]: no span, numbers out of
// range, a window that does not end after its start.
func ParseName(base string) (video string, start, end int, err error) {
	video, start, end, err = SplitName(base)
	if err == nil && end <= start {
		err = fmt.Errorf("%w: %q: window with end before start (%d to %d); rename or remove it", tall.ErrFormat, base, start, end)
	}
	return video, start, end, err
}

// SplitName is [ParseName] for annotated clips, whose span may be reversed or
// empty: such spans are carried and reported, not refused.
func SplitName(base string) (video string, start, end int, err error) {
	fail := func(why error) (string, int, int, error) {
		return "", 0, 0, fmt.Errorf("%w: %q %w; the form is VIDEO_START_END, in frames", tall.ErrFormat, base, why)
	}
	name := strings.TrimSuffix(base, extension)
	head, last, ok := cutLast(name)
	video, first, ok2 := cutLast(head)
	if !ok || !ok2 || !digits(first) || !digits(last) {
		return fail(errNoSpan)
	}
	if video == "" {
		return fail(errNoVideo)
	}
	// Results are written as JSON and to terminals; neither may get these.
	if !utf8.ValidString(video) {
		return fail(errNotUTF8)
	}
	if strings.ContainsFunc(video, unicode.IsControl) {
		return fail(errControl)
	}
	var ends [2]int
	for i, text := range []string{first, last} {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n > math.MaxInt32 {
			return fail(errLarge)
		}
		ends[i] = int(n)
	}
	return video, ends[0], ends[1], nil
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '_')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

func digits(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

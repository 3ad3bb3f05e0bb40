package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"tall"
)

// download is the work on one file: FILE.part grows, FILE.part.tag holds the
// server's word for the version that it is a part of.
type download struct {
	File
	Options
	most int64 // bytes of the file that a try got to
}

func (d *download) part() string { return d.Path + ".part" }
func (d *download) tag() string  { return d.Path + ".part.tag" }

// failure is an error of one try.
type failure struct {
	error
	final bool // another try would fail alike
}

func (f failure) Unwrap() error { return f.error }

// run tries until the part is whole.
func (d *download) run(ctx context.Context) error {
	if d.Client == nil {
		client, done := newClient(d.Stall)
		defer done()
		d.Client = client
	}
	pause, ever := d.Pause, false
	for left := d.Tries; ; {
		gained, err := d.try(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w; what has arrived is kept, the next run goes on from there", d.URL, context.Cause(ctx))
		}
		if gained {
			left, pause, ever = d.Tries, d.Pause, true
		} else {
			left--
		}
		var f failure
		if errors.As(err, &f) && f.final || left <= 0 {
			return err
		}
		// A machine without a network is told so at once; a connection that was
		// there may come back.
		var dial *net.OpError
		if errors.As(err, &dial) && (dial.Op == "dial" || dial.Op == "proxyconnect") && !ever {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
}

// try makes one request and appends what comes. gained says that it got further
// than any before it.
func (d *download) try(ctx context.Context) (gained bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := fmt.Errorf("the server sent nothing for %s", d.Stall)
	watch := time.AfterFunc(d.Stall, func() { cancel(silent) })
	defer watch.Stop()

	have, version := d.resumable()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.URL, nil)
	if err != nil {
		return false, failure{fmt.Errorf("download: %w", err), true}
	}
	req.Header.Set("Accept-Encoding", "identity") // byte ranges and lengths are the file's
	req.Header.Set("User-Agent", "tall")
	if have > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
		req.Header.Set("If-Range", version)
	}
	resp, err := d.Client.Do(req)
	if err != nil {
		return false, d.network(ctx, err)
	}
	defer resp.Body.Close()

	total, restart, err := d.accept(resp, have)
	if errors.Is(err, errWhole) {
		d.Progress(have, total)
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if restart {
		have = 0
	}
	file, err := d.open(resp, have)
	if err != nil {
		return false, failure{err, true}
	}
	n, err := d.copy(file, resp.Body, have, total, watch)
	err = errors.Join(err, file.Sync(), file.Close())
	gained = have+n > d.most
	d.most = max(d.most, have+n)
	switch {
	case err == nil && total >= 0 && have+n < total:
		err = io.ErrUnexpectedEOF
	case err == nil && have+n == 0:
		return false, failure{fmt.Errorf("%w: %s is empty", tall.ErrFormat, d.URL), true}
	}
	var f failure
	if err == nil || errors.As(err, &f) {
		return gained, err
	}
	return gained, d.network(ctx, err)
}

// resumable is how much of which version has arrived. A part whose version is
// unknown cannot be continued.
func (d *download) resumable() (have int64, version string) {
	info, err := os.Stat(d.part())
	if err != nil || !info.Mode().IsRegular() {
		return 0, ""
	}
	tag, err := os.ReadFile(d.tag())
	if version = strings.TrimSpace(string(tag)); err != nil || version == "" || len(version) > 1024 {
		return 0, ""
	}
	return info.Size(), version
}

// validator is what names the version of a response for If-Range, "" if
// nothing does: a strong ETag, or the time of modification.
func validator(h http.Header) string {
	if tag := h.Get("ETag"); strings.HasPrefix(tag, `"`) {
		return tag
	}
	return h.Get("Last-Modified")
}

// accept judges the head of a response. total is the file's size, -1 where it is
// unknown; restart says that the response begins at the file's first byte.
func (d *download) accept(resp *http.Response, have int64) (total int64, restart bool, err error) {
	total, restart = resp.ContentLength, true
	switch {
	case resp.StatusCode == http.StatusOK:
	case resp.StatusCode == http.StatusPartialContent && have > 0:
		from, size, ok := contentRange(resp.Header.Get("Content-Range"))
		if !ok || from != have {
			d.forget()
			return 0, false, failure{fmt.Errorf("%w: %s: asked for bytes from %d, got %q", tall.ErrFormat, d.URL, have, resp.Header.Get("Content-Range")), false}
		}
		total, restart = size, false
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable && have > 0:
		if resp.Header.Get("Content-Range") == fmt.Sprintf("bytes */%d", have) {
			// Of this version (or If-Range would have got it whole) nothing is
			// missing: the last run ended just before the rename.
			return have, false, errWhole
		}
		d.forget() // the part is longer than the file: begin anew
		return 0, false, failure{fmt.Errorf("%w: %s: the server has no bytes after %d", tall.ErrFormat, d.URL, have), false}
	default:
		later := resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout
		return 0, false, failure{fmt.Errorf("%w: %s: the server answered %s; %s", tall.ErrMissing, d.URL, resp.Status, d.offline()), !later}
	}
	if coding := resp.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return 0, false, failure{fmt.Errorf("%w: %s: the server sends it encoded as %s, which was not asked for", tall.ErrFormat, d.URL, coding), true}
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "text/html" || kind == "application/xhtml+xml" {
		return 0, false, d.webPage()
	}
	if total > d.MaxBytes {
		return 0, false, d.tooLarge(total)
	}
	if d.Size > 0 && total >= 0 && total != d.Size {
		d.forget()
		return 0, false, failure{fmt.Errorf("%w: %s has %d bytes, must have %d; it is another file, or another version of it", tall.ErrFormat, d.URL, total, d.Size), true}
	}
	need := total
	if !restart {
		need -= have
	} else if info, err := os.Stat(d.part()); err == nil {
		need -= info.Size() // overwritten
	}
	if err := d.room(d.Path, need); err != nil {
		return 0, false, failure{err, true}
	}
	return total, restart, nil
}

// errWhole says that the part is the whole file.
var errWhole = errors.New("nothing is missing")

// contentRange reads "bytes 100-199/1000"; size is -1 for "/*".
func contentRange(s string) (from, size int64, ok bool) {
	s, ok = strings.CutPrefix(s, "bytes ")
	span, whole, ok2 := strings.Cut(s, "/")
	first, last, ok3 := strings.Cut(span, "-")
	from, err := strconv.ParseInt(first, 10, 64)
	to, err2 := strconv.ParseInt(last, 10, 64)
	if !ok || !ok2 || !ok3 || err != nil || err2 != nil || from < 0 || to < from {
		return 0, 0, false
	}
	if whole == "*" {
		return from, -1, true
	}
	size, err = strconv.ParseInt(whole, 10, 64)
	return from, size, err == nil && size > to
}

// open opens the part for appending at have, and notes the version.
func (d *download) open(resp *http.Response, have int64) (*os.File, error) {
	if have > 0 {
		return os.OpenFile(d.part(), os.O_WRONLY|os.O_APPEND, 0o644)
	}
	d.forget() // first the tag: a tag must never stand beside another version's bytes
	file, err := os.OpenFile(d.part(), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, fmt.Errorf("download: %w", err)
	}
	if v := validator(resp.Header); v != "" {
		if err := writeText(d.tag(), v+"\n"); err != nil {
			file.Close()
			return nil, fmt.Errorf("download: %w", err)
		}
	}
	return file, nil
}

// forget makes the next try begin anew.
func (d *download) forget() { os.Remove(d.tag()) }

// copy appends the body to the part.
func (d *download) copy(file *os.File, body io.Reader, have, total int64, watch *time.Timer) (n int64, err error) {
	buf := make([]byte, 128<<10)
	d.Progress(have, total)
	for {
		k, err := body.Read(buf)
		if k > 0 {
			watch.Reset(d.Stall)
			if have+n == 0 && looksLikeHTML(buf[:k]) {
				return 0, d.webPage()
			}
			if have+n+int64(k) > d.MaxBytes {
				os.Remove(d.part())
				return n, d.tooLarge(have + n + int64(k))
			}
			if _, err := file.Write(buf[:k]); err != nil {
				return n, failure{fmt.Errorf("download: %w; what has arrived is kept, make room and run again", err), true}
			}
			n += int64(k)
			d.Progress(have+n, total)
		}
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

func looksLikeHTML(head []byte) bool {
	head = bytes.ToLower(bytes.TrimLeft(head[:min(len(head), 512)], "\ufeff \t\r\n"))
	return bytes.HasPrefix(head, []byte("<!doctype html")) || bytes.HasPrefix(head, []byte("<html"))
}

func (d *download) webPage() error {
	return failure{fmt.Errorf("%w: %s: the server sent a web page instead of the file (a login page or a notice); %s", tall.ErrFormat, d.URL, d.offline()), true}
}

func (d *download) tooLarge(size int64) error {
	return failure{fmt.Errorf("%w: %s has %d bytes or more, the limit is %d", tall.ErrUnsafe, d.URL, size, d.MaxBytes), true}
}

// network explains an error of the connection.
func (d *download) network(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if e := (*url.Error)(nil); errors.As(err, &e) {
		err = e.Err // the URL is named here
	}
	return failure{fmt.Errorf("%w: cannot download %s: %w; run again to go on from what has arrived, or, %s", tall.ErrMissing, d.URL, err, d.offline()), false}
}

// finish verifies the part and gives it its name.
func (d *download) finish(ctx context.Context) (string, error) {
	sum, err := hashFile(ctx, d.part())
	if err != nil {
		return "", fmt.Errorf("download: %w; what has arrived is kept", err)
	}
	const remedy = "the server's file is another one"
	if err := errors.Join(d.checkSize(d.part(), remedy), d.check(sum, remedy)); err != nil {
		d.forget()
		os.Remove(d.part())
		return "", fmt.Errorf("download from %s: %w", d.URL, err)
	}
	if err := os.Rename(d.part(), d.Path); err != nil {
		return "", fmt.Errorf("download: %w", err)
	}
	d.forget()
	return sum, writeRecord(d.Path, sum)
}

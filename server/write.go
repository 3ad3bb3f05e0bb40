package server

import (
	"io"
	"net/http"
	"time"
)

// recorder notes the status of an answer and how much of it went out.
type recorder struct {
	http.ResponseWriter
	status int
	sent   int64
}

// Unwrap serves [http.ResponseController].
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements [http.ResponseWriter].
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.sent += int64(n)
	return n, err
}

// ReadFrom implements [io.ReaderFrom].
func (w *recorder) ReadFrom(r io.Reader) (int64, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := io.Copy(w.ResponseWriter, r)
	w.sent += n
	return n, err
}

// serveContent is [http.ServeContent], whose errors become problems.
func serveContent(w http.ResponseWriter, r *http.Request, modified time.Time, content io.ReadSeeker) {
	http.ServeContent(&tidy{ResponseWriter: w}, r, "", modified, content)
}

// tidy makes problems of errors that are written as text.
type tidy struct {
	http.ResponseWriter
	failed bool // what follows is the text of an error
}

// Unwrap serves [http.ResponseController].
func (t *tidy) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// WriteHeader implements [http.ResponseWriter].
func (t *tidy) WriteHeader(status int) {
	if status < 400 {
		t.ResponseWriter.WriteHeader(status)
		return
	}
	t.failed = true
	detail := "the file cannot be read"
	switch status {
	case http.StatusRequestedRangeNotSatisfiable:
		detail = "the range lies outside of the file"
	case http.StatusPreconditionFailed:
		detail = "the file is not the one asked for"
	}
	writeProblem(t.ResponseWriter, status, detail)
}

// Write implements [http.ResponseWriter].
func (t *tidy) Write(b []byte) (int, error) {
	if t.failed {
		return len(b), nil
	}
	return t.ResponseWriter.Write(b)
}

// ReadFrom implements [io.ReaderFrom].
func (t *tidy) ReadFrom(r io.Reader) (int64, error) {
	if t.failed {
		return io.Copy(io.Discard, r)
	}
	return io.Copy(t.ResponseWriter, r)
}

// patient writes for as long as the client takes something: each piece has a time limit
// of its own, in the place of one for the whole answer.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
}

// patiently lets an answer take its time. What is left of the request does not get more of
// it: net/http reads that before it answers.
func (s *Server) patiently(w http.ResponseWriter) *patient {
	p := &patient{ResponseWriter: w, control: http.NewResponseController(w), stall: s.o.Limits.Stall}
	p.again()
	return p
}

// again begins a time limit. Connections that have no deadlines need none moved.
func (p *patient) again() { _ = p.control.SetWriteDeadline(time.Now().Add(p.stall)) }

// Unwrap serves [http.ResponseController].
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// Write implements [http.ResponseWriter].
func (p *patient) Write(b []byte) (int, error) {
	p.again()
	return p.ResponseWriter.Write(b)
}

// pieceSize is how much goes out within one time limit.
const pieceSize = 256 << 10

// ReadFrom implements [io.ReaderFrom], so that files may go out without passing through
// this program.
func (p *patient) ReadFrom(r io.Reader) (total int64, err error) {
	part := &io.LimitedReader{R: r}
	whole, limited := r.(*io.LimitedReader)
	if limited {
		part.R = whole.R // a file within one limit, not two, can be sent by the kernel
	}
	for {
		p.again()
		part.N = pieceSize
		if limited {
			part.N = min(part.N, whole.N)
		}
		wanted := part.N
		n, err := io.Copy(p.ResponseWriter, part)
		total += n
		if limited {
			whole.N -= n
		}
		if err != nil || n < wanted || n == 0 {
			return total, err
		}
	}
}

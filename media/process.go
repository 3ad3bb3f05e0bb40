package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// A child process gets its arguments as a list, no terminal, no shell, and a group of its
// own that dies with the context. What it writes is bounded.

// child says what to run.
type child struct {
	path   string
	args   []string
	stdin  io.Reader // nil: nothing to read
	stdout io.Writer // nil: thrown away
	pipe   bool      // stdout is a pipe that the caller reads, in the place of stdout
	stderr io.Writer // in the place of the process's own record
	memory int64     // bytes of data, 0: no bound
}

// process is a child that was started. Each must be waited for.
type process struct {
	cmd  *exec.Cmd
	out  io.ReadCloser
	said *record
}

// grace is how long a killed child's pipes may stay open (something may have inherited
// them) until they are closed all the same.
const grace = 5 * time.Second

func start(ctx context.Context, c child) (*process, error) {
	cmd := exec.CommandContext(ctx, c.path, c.args...)
	cmd.Stdin, cmd.Stdout = c.stdin, c.stdout
	p := &process{cmd: cmd, said: &record{}}
	cmd.Stderr = p.said
	if c.stderr != nil {
		p.said.also = c.stderr
	}
	cmd.Env = environment()
	cmd.WaitDelay = grace
	group(cmd)
	if c.pipe {
		out, err := cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		p.out = out
		widen(out)
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if c.memory > 0 {
		limitMemory(cmd.Process.Pid, c.memory)
	}
	return p, nil
}

// environment is this process's, without what makes ffmpeg write files or colors.
func environment() []string {
	var out []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "FFREPORT=") && !strings.HasPrefix(entry, "AV_LOG_FORCE") {
			out = append(out, entry)
		}
	}
	return append(out, "AV_LOG_FORCE_NOCOLOR=1", "LC_ALL=C")
}

// wait returns when the child has ended and its pipes are closed.
func (p *process) wait() error {
	err := p.cmd.Wait()
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil // ended well, and something else held its pipes
	}
	return err
}

// run runs a child to its end and returns what it wrote, limit bytes at most: more is an
// error. The time is bounded by limit too, beside the context.
func run(ctx context.Context, c child, limit time.Duration) ([]byte, *record, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it took longer than %s", limit))
	defer cancel()
	var out bounded
	if c.stdout == nil {
		c.stdout = &out
	}
	p, err := start(ctx, c)
	if err != nil {
		return nil, &record{}, err
	}
	err = p.wait()
	switch {
	case out.over:
		err = errOutput // the child died of it
	case err != nil && ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	return out.Bytes(), p.said, err
}

// errOutput tells that a child wrote more than makes sense.
var errOutput = errors.New("it wrote more than any video needs")

// maxOutput bounds what a child may say in answer to a question, in bytes: a thousand
// tracks take a quarter of it.
const maxOutput = 4 << 20

// bounded keeps what is written, and fails beyond maxOutput.
type bounded struct {
	data []byte
	over bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if len(b.data)+len(p) > maxOutput {
		b.over = true
		return 0, errOutput
	}
	b.data = append(b.data, p...)
	return len(p), nil
}

func (b *bounded) Bytes() []byte  { return b.data }
func (b *bounded) String() string { return string(b.data) }

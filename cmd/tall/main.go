// Command tall finds the moment in a video that a sentence describes.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"charm.land/fang/v2"
)

// version of the program; see CHANGELOG.md.
const version = "0.1.0"

// Exit codes beside 0.
const (
	exitFailed      = 1   // an error, or an answer that is 'no' (doctor, demo)
	exitNoMatch     = 3   // tall find: nothing is confident enough
	exitInterrupted = 130 // Ctrl-C: 128 + SIGINT, as shells have it
	exitTerminated  = 143 // 128 + SIGTERM
)

func main() {
	os.Exit(Main(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// Main is the whole program, for tests too: arguments and streams in, exit code out.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	ctx, stop := interruptible(ctx)
	defer stop()
	g := &global{}
	root := newRoot(g)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := fang.Execute(ctx, root, fang.WithVersion(version),
		fang.WithErrorHandler(func(w io.Writer, _ fang.Styles, err error) { g.printError(w, err) }))
	var i interrupted
	switch {
	case err == nil:
		return 0
	case errors.As(context.Cause(ctx), &i) && i.signal == syscall.SIGTERM:
		return exitTerminated
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.Is(err, errNoMatch):
		return exitNoMatch
	}
	return exitFailed
}

// interruptible ends ctx at the first SIGINT or SIGTERM. A second one ends the
// process at once, as it is then no longer caught.
func interruptible(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case s := <-caught:
			signal.Stop(caught)
			cancel(interrupted{s})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(caught)
		cancel(nil)
	}
}

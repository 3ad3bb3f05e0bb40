package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"tall"
	"tall/library"
	"tall/library/sqlite"
	"tall/media"
	"tall/server"
)

// serveOptions are those of a server on a library.
type serveOptions struct {
	listen    string
	hosts     []string
	roots     []string
	uploads   bool
	maxUpload string
	cert, key string
	token     bool // required on loopback too
	jobs      int

	tools *media.Tools // nil: no pictures, no clips
	// thumbnails has pictures for where there is no ffmpeg; it may be nil.
	thumbnails  func(library.ID) []byte
	suggestions []string
	// ready, which may be nil, is told the page's address once the server answers.
	ready func(address string)
}

func newServe(g *global) *cobra.Command {
	l := &libraryFlags{global: g}
	o := &serveOptions{}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the library: a page to search and watch, and an HTTP API",
		Long: "Serves the page and the API of a library, and encodes what is added to it.\n\n" +
			"On 127.0.0.1, the default, everybody on this machine may use it. On any other address\n" +
			"it asks for a token: `tall token new` makes one. Without --tls-cert the token then goes\n" +
			"over the network as it is: put it behind a proxy that speaks TLS, or give a certificate.\n" +
			"/openapi.json describes the API.",
		Example: "tall serve\n" +
			"tall serve --root ~/Videos --uploads\n" +
			"tall token new laptop --scope write && tall serve --listen 0.0.0.0:7777 --host videos.example.org --tls-cert cert.pem --tls-key key.pem",
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return l.serve(cmd, o) },
	}
	l.register(cmd)
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:7777", "address and port; port 0 takes any that is free")
	f.StringArrayVar(&o.hosts, "host", nil, "name that the server goes by, besides the address; requests to other names are refused; may be given several times")
	f.StringArrayVar(&o.roots, "root", nil, "folder that videos may be added from, through the page; may be given several times")
	f.BoolVar(&o.uploads, "uploads", false, "let videos be sent; they are kept in the library's folder")
	f.StringVar(&o.maxUpload, "max-upload", "16G", "size of a video that is sent, at most, such as 500M")
	f.StringVar(&o.cert, "tls-cert", "", "certificate (PEM), to speak TLS")
	f.StringVar(&o.key, "tls-key", "", "its key (PEM)")
	f.BoolVar(&o.token, "token-required", false, "ask for a token on 127.0.0.1 too")
	f.IntVar(&o.jobs, "jobs", 1, "videos that are encoded side by side; each needs the encoder's memory")
	return cmd
}

func (l *libraryFlags) serve(cmd *cobra.Command, o *serveOptions) error {
	con, err := l.console(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	if o.tools, err = media.Find(media.Options{FFmpeg: l.ffmpeg}); err != nil {
		return err
	}
	if _, _, _, err := o.tools.Programs(); err != nil {
		con.Warn("no pictures and clips can be made: " + err.Error())
		o.tools = nil
	}
	lib, err := l.open(ctx, con, nil)
	if err != nil {
		return err
	}
	defer lib.Close()
	out := cmd.OutOrStdout()
	o.ready = func(address string) { fmt.Fprintf(out, "%s\n", address) }
	return serveLibrary(ctx, con, lib, *o)
}

// Names in the library's folder.
const (
	tokensName    = "tokens.json"
	judgmentsName = "judgments.jsonl"
	uploadsFolder = "media"
	thumbsFolder  = "thumbs"
)

// serveLibrary serves a library, and does its work, until the context ends. The end of the
// context is no error.
func serveLibrary(ctx context.Context, con *console, lib *sqlite.Library, o serveOptions) (err error) {
	if o.jobs < 1 || o.jobs > maxThreads {
		return fmt.Errorf("--jobs %d: give a number of 1 or more", o.jobs)
	}
	config, err := o.tls()
	if err != nil {
		return err
	}
	options, err := o.server(con, lib)
	if err != nil {
		return err
	}
	s, err := server.New(options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", o.listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", o.listen, err)
	}
	if err := o.warn(con, options, config != nil); err != nil {
		return errors.Join(err, listener.Close())
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var work sync.WaitGroup
	defer work.Wait()
	work.Go(func() { stop(workUntil(ctx, con, lib, o.jobs)) })
	if o.ready != nil {
		o.ready(o.address(listener.Addr(), config != nil))
	}
	err = s.Serve(ctx, listener, config)
	stop(context.Canceled)
	work.Wait()
	if cause := context.Cause(ctx); err == nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return err
}

// workPause is how long another process that works on the library is waited for.
const workPause = 5 * time.Second

// workUntil encodes what is queued until the context ends. What ends it otherwise ends the
// server.
func workUntil(ctx context.Context, con *console, lib *sqlite.Library, jobs int) error {
	said := false
	for {
		err := lib.Work(ctx, jobs, false)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !errors.Is(err, tall.ErrLocked):
			con.Error("encoding has ended; searching goes on: " + err.Error())
			<-ctx.Done() // a full disk is no reason to stop answering
			return context.Cause(ctx)
		case !said:
			con.Info("another process encodes for this library; this one takes over when that ends")
			said = true
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(workPause):
		}
	}
}

// tls reads the certificate; nil: none.
func (o *serveOptions) tls() (*tls.Config, error) {
	switch {
	case o.cert == "" && o.key == "":
		return nil, nil
	case o.cert == "" || o.key == "":
		return nil, errors.New("--tls-cert and --tls-key go together")
	}
	pair, err := tls.LoadX509KeyPair(o.cert, o.key)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert %s --tls-key %s: %w", o.cert, o.key, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// server makes the options of package server.
func (o *serveOptions) server(con *console, lib *sqlite.Library) (server.Options, error) {
	s := server.Options{
		Library: lib.Library, Version: version, Logger: con.Logger,
		Open:   server.IsLoopback(o.listen) && !o.token,
		Tokens: server.NewTokenFile(filepath.Join(lib.Dir, tokensName)),
		Hosts:  append(server.LoopbackHosts(), o.hosts...),
		Find:   func(folder string) ([]string, error) { return findVideos([]string{folder}, nil) },
		Cache:  filepath.Join(lib.Dir, thumbsFolder), Thumbnails: o.thumbnails, Suggestions: o.suggestions,
		Judgments: server.NewFileJournal(filepath.Join(lib.Dir, judgmentsName)),
	}
	if host, _, err := net.SplitHostPort(o.listen); err != nil {
		return s, fmt.Errorf("--listen %q: give an address and a port, such as 127.0.0.1:7777", o.listen)
	} else if host != "" {
		s.Hosts = append(s.Hosts, host)
	}
	for _, path := range o.roots {
		abs, err := filepath.Abs(path)
		if err != nil {
			return s, err
		}
		if info, err := os.Stat(abs); err != nil || !info.IsDir() {
			return s, fmt.Errorf("%w: --root %s is no folder", tall.ErrMissing, path)
		}
		s.Roots = append(s.Roots, server.Root{Name: filepath.Base(abs), Path: abs})
	}
	var err error
	if s.Limits.Upload, err = parseBytes(o.maxUpload); err != nil {
		return s, fmt.Errorf("--max-upload %s: %w", o.maxUpload, err)
	}
	if o.tools != nil {
		s.Media, s.Probe = serverMedia{o.tools}, probeVideo(o.tools)
	}
	if o.uploads {
		if o.tools == nil {
			return s, fmt.Errorf("%w: --uploads needs ffmpeg, by which files are known to be videos", tall.ErrMissing)
		}
		s.Uploads = filepath.Join(lib.Dir, uploadsFolder)
	}
	return s, nil
}

// warn says what a server beyond this machine needs. Without a token nobody could use it,
// which is an error.
func (o *serveOptions) warn(con *console, s server.Options, encrypted bool) error {
	if s.Open {
		for _, name := range o.hosts {
			if !server.IsLoopback(net.JoinHostPort(name, "0")) {
				con.Warn("whoever reaches this server as " + name + ", by a proxy, may do everything; --token-required asks for a token")
			}
		}
		return nil
	}
	tokens, err := s.Tokens.Tokens()
	if err != nil {
		return err
	}
	if len(tokens) == 0 {
		return fmt.Errorf("%w: %s is for those who have a token, and there is none; `tall token new NAME` makes one", tall.ErrMissing, o.listen)
	}
	con.Info("clients need a token", "tokens", len(tokens))
	if !server.IsLoopback(o.listen) && !encrypted {
		con.Warn("no TLS: tokens and videos can be read by whoever sees the network's traffic; give --tls-cert and --tls-key, or put the server behind a proxy that speaks TLS")
	}
	return nil
}

// address is that of the page.
func (o *serveOptions) address(at net.Addr, encrypted bool) string {
	host, port, err := net.SplitHostPort(at.String())
	if err != nil {
		host, port = at.String(), ""
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
		if len(o.hosts) > 0 {
			host = o.hosts[0]
		}
	}
	u := url.URL{Scheme: "http", Host: net.JoinHostPort(host, port), Path: "/"}
	if encrypted {
		u.Scheme = "https"
	}
	return u.String()
}

// parseBytes reads a size such as 500M; the units are powers of 1024.
func parseBytes(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	shift := 0
	number := strings.TrimRight(text, "bB")
	if i := strings.IndexAny(number, "kKmMgGtT"); i >= 0 && i == len(number)-1 {
		shift = 10 * (1 + strings.Index("kmgt", strings.ToLower(number[i:])))
		number = number[:i]
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 || n > (1<<62)>>shift {
		return 0, errors.New("give a size such as 500M or 16G")
	}
	return n << shift, nil
}

// serverMedia makes pictures and clips for the server.
type serverMedia struct{ tools *media.Tools }

// Thumbnail implements [server.Media].
func (m serverMedia) Thumbnail(ctx context.Context, path string, at float64, width int) ([]byte, error) {
	info, err := m.tools.Probe(ctx, path)
	if err != nil {
		return nil, err
	}
	return m.tools.Thumbnail(ctx, info, at, width)
}

// Sprite implements [server.Media].
func (m serverMedia) Sprite(ctx context.Context, path string, columns, rows, width int) ([]byte, error) {
	info, err := m.tools.Probe(ctx, path)
	if err != nil {
		return nil, err
	}
	return m.tools.ContactSheet(ctx, info, columns, rows, width)
}

// Cut implements [server.Media].
func (m serverMedia) Cut(ctx context.Context, path string, span tall.Span, out string, exact bool) error {
	info, err := m.tools.Probe(ctx, path)
	if err != nil {
		return err
	}
	_, err = m.tools.Cut(ctx, info, span, out, exact)
	return err
}

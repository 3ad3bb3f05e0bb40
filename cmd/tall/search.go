package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tall"
	"tall/calibrate"
	"tall/export"
	"tall/library"
	"tall/library/sqlite"
	"tall/media"
)

// searchFlags are those of tall search. The output is that of tall find.
type searchFlags struct {
	*libraryFlags
	encoder, localizer   string
	videos               []string
	folder, after        string
	before, like         string
	minLength, maxLength string
	brute                bool
	find                 findFlags // top, threshold, json, cut, exact, exports
}

func newSearch(g *global) *cobra.Command {
	l := &libraryFlags{global: g}
	f := &searchFlags{libraryFlags: l, find: findFlags{encoderFlags: encoderFlags{global: g}}}
	cmd := &cobra.Command{
		Use:   "search [SENTENCE...]",
		Short: "Search the library for the moments that a sentence describes",
		Long: "Searches all videos of the library. Words behind a dash must not describe the moment\n" +
			"better ('a car -truck', 'a car -\"police car\"'). Several sentences are sought one after\n" +
			"another in a video: as several arguments, or as '\"opens the fridge\" then \"pours milk\"'.\n\n" +
			"A moment's confidence is 1 less the chance that an unrelated sentence finds one as good\n" +
			"anywhere in the videos that are searched. Where none reaches --threshold, the answer is\n" +
			"'no match' and the exit code 3.",
		Example: "tall search \"a dog catches a ball\"\n" +
			"tall search \"opens the fridge\" \"pours milk\" --folder ~/Videos/kitchen\n" +
			"tall search \"a goal -replay\" --after 2026-05-01 --export edl:goals.edl\n" +
			"tall search --like match.mp4@12.5-15 --top 20",
		Args: takes(0, maxArgs, "SENTENCE..."),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	l.register(cmd)
	flags := cmd.Flags()
	flags.IntVar(&f.find.top, "top", library.DefaultTop, "moments listed, at most")
	flags.StringArrayVar(&f.videos, "video", nil, "search this video only: its path, file name or ID; may be repeated")
	flags.StringVar(&f.folder, "folder", "", "only videos below this folder")
	flags.StringVar(&f.after, "after", "", "only videos of this date or later: 2026-05-01, or with time 2026-05-01T18:00:00Z")
	flags.StringVar(&f.before, "before", "", "only videos before this date")
	flags.StringVar(&f.minLength, "min-length", "", "only videos of this length or more: 90s, 10m, 1h30m")
	flags.StringVar(&f.maxLength, "max-length", "", "only videos of this length or less")
	flags.StringVar(&f.encoder, "encoder", "", "which of the library's encoders (default: the first)")
	flags.StringVar(&f.localizer, "localizer", "", "which of the encoder's localizers (default: the first)")
	flags.StringVar(&f.like, "like", "", "moments like this one, in place of sentences: VIDEO@START-END in seconds or m:ss, of the library or any file")
	flags.Float64Var(&f.find.threshold, "threshold", calibrate.DefaultConfidence, "least confidence of a match, from 0 (list all) to 1")
	flags.BoolVar(&f.brute, "brute", false, "run the localizer over every video, without the index: slow, and nearly always the same")
	flags.BoolVar(&f.find.json, "json", false, "print the answer as JSON")
	flags.StringVar(&f.find.cut, "cut", "", "write the moments as videos into this folder")
	flags.BoolVar(&f.find.exact, "exact", false, "with --cut: encode anew, to cut at the frame and not at the key frame before it")
	flags.StringArrayVar(&f.find.exports, "export", nil, "write the moments as FORMAT:FILE, formats "+strings.Join(export.Formats(), ", ")+"; may be repeated")
	return cmd
}

func (f *searchFlags) run(cmd *cobra.Command, args []string) (err error) {
	con, err := f.console(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	if err := f.find.check(cmd); err != nil {
		return err
	}
	if f.find.targets, args, err = parseExports(f.find.exports, args); err != nil {
		return err
	}
	q, err := f.query(cmd, args)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	lib, err := f.open(ctx, con, nil)
	if err != nil {
		return err
	}
	defer lib.Close()
	for _, name := range f.videos {
		v, err := libraryVideo(ctx, lib, name)
		if err != nil {
			return err
		}
		q.Filter.IDs = append(q.Filter.IDs, v.ID)
	}
	if f.like != "" {
		closeExample, likeErr := f.example(ctx, con, lib, &q)
		if likeErr != nil {
			return fmt.Errorf("--like %s: %w", f.like, likeErr)
		}
		defer func() { err = errors.Join(err, closeExample()) }()
	}
	r, err := lib.Search(ctx, q, nil)
	if err != nil {
		return err
	}
	for _, warning := range r.Warnings {
		con.Warn(warning)
	}
	if r.Videos == 0 {
		return f.nothingToSearch(ctx, lib)
	}
	return f.show(cmd, con, lib, q, r)
}

// query reads the sentences and filters.
func (f *searchFlags) query(cmd *cobra.Command, args []string) (q library.Query, err error) {
	q = library.Query{Encoder: f.encoder, Localizer: f.localizer, Top: f.find.top, Brute: f.brute}
	if cmd.Flags().Changed("threshold") {
		if q.Threshold = f.find.threshold; q.Threshold == 0 {
			q.Threshold = -1
		}
	}
	switch {
	case f.like != "" && len(args) > 0:
		return q, errors.New("--like stands in the place of sentences; give one or the other")
	case f.like == "" && len(args) == 0:
		return q, errors.New("say what to search: tall search \"a dog catches a ball\"")
	}
	for _, arg := range args {
		sentences, exclude, err := library.Parse(arg)
		if err != nil {
			return q, err
		}
		q.Sentences, q.Exclude = append(q.Sentences, sentences...), append(q.Exclude, exclude...)
	}
	if f.folder != "" {
		if q.Filter.Folder, err = filepath.Abs(f.folder); err != nil {
			return q, err
		}
	}
	for _, t := range []struct {
		flag, text string
		to         *time.Time
	}{{"after", f.after, &q.Filter.After}, {"before", f.before, &q.Filter.Before}} {
		if *t.to, err = parseDate(t.text); err != nil {
			return q, fmt.Errorf("--%s %s: %w", t.flag, t.text, err)
		}
	}
	for _, t := range []struct {
		flag, text string
		to         *float64
	}{{"min-length", f.minLength, &q.Filter.MinDuration}, {"max-length", f.maxLength, &q.Filter.MaxDuration}} {
		if *t.to, err = parseLength(t.text); err != nil {
			return q, fmt.Errorf("--%s %s: %w", t.flag, t.text, err)
		}
	}
	return q, nil
}

// parseDate reads a day, in the zone of the machine, or a time; "" is none.
func parseDate(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, time.Local); err == nil {
		return t, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	return time.Time{}, errors.New("give a date as 2026-05-01, or a time as 2026-05-01T18:00:00Z")
}

// parseLength reads seconds, or a length with units; "" is none.
func parseLength(text string) (float64, error) {
	if text == "" {
		return 0, nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		d, unitsErr := time.ParseDuration(text)
		v, err = d.Seconds(), unitsErr
	}
	if err != nil || !(v > 0) || math.IsInf(v, 0) {
		return 0, errors.New("give a length above 0, as 90s, 10m or 1h30m")
	}
	return v, nil
}

// parseExample reads VIDEO@START-END.
func parseExample(text string) (video string, s tall.Span, err error) {
	at := strings.LastIndexByte(text, '@')
	from, to, ok := strings.Cut(text[at+1:], "-")
	if at < 1 || !ok {
		return "", s, fmt.Errorf("%w: give VIDEO@START-END, as in match.mp4@12.5-15 or match.mp4@1:02-1:10", tall.ErrFormat)
	}
	if s.Start, err = parseClock(from); err != nil {
		return "", s, err
	}
	if s.End, err = parseClock(to); err != nil {
		return "", s, err
	}
	if !s.Valid() {
		return "", s, fmt.Errorf("%w: the moment ends before it starts", tall.ErrFormat)
	}
	return text[:at], s, nil
}

// parseClock reads seconds, m:ss or h:mm:ss.
func parseClock(text string) (seconds float64, err error) {
	for _, part := range strings.SplitN(text, ":", 3) {
		v, err := strconv.ParseFloat(part, 64)
		if err != nil || !(v >= 0) || math.IsInf(v, 0) {
			return 0, fmt.Errorf("%w: %q is no time; give seconds, m:ss or h:mm:ss", tall.ErrFormat, text)
		}
		seconds = 60*seconds + v
	}
	return seconds, nil
}

// example finds the moment of --like in the library, or encodes the video that it names.
func (f *searchFlags) example(ctx context.Context, con *console, lib *sqlite.Library, q *library.Query) (closeExample func() error, err error) {
	name, s, err := parseExample(f.like)
	if err != nil {
		return nil, err
	}
	q.Like = &library.Like{Span: s}
	v, err := libraryVideo(ctx, lib, name)
	if err == nil {
		q.Like.ID = v.ID
		return func() error { return nil }, nil
	}
	if !errors.Is(err, tall.ErrMissing) || !exists(name) {
		return nil, err
	}
	bar := con.progress("encode "+filepath.Base(name), "s of video")
	defer bar.finish()
	q.Like.Rows, closeExample, err = lib.Rows(ctx, q.Encoder, name, func(done, total float64) {
		bar.set(int(done), int(math.Ceil(total)), "")
	})
	return closeExample, err
}

// nothingToSearch says why.
func (f *searchFlags) nothingToSearch(ctx context.Context, lib *sqlite.Library) error {
	total, waiting := 0, 0
	for v, err := range lib.Catalog.Videos(ctx, library.Filter{}) {
		if err != nil {
			return err
		}
		if total++; v.State == library.Waiting || v.State == library.Working {
			waiting++
		}
	}
	switch {
	case total == 0:
		return fmt.Errorf("%w: the library in %s is empty; `tall index add VIDEO...` adds videos", tall.ErrMissing, lib.Dir)
	case waiting > 0:
		return fmt.Errorf("%w: no video fits that is ready; %d of the library's %d wait to be encoded (`tall index add` or `tall serve` goes on)", tall.ErrMissing, waiting, total)
	}
	return fmt.Errorf("%w: none of the library's %d videos fits the filters (--video, --folder, --after, --before, --min-length, --max-length) and has features of the encoder", tall.ErrMissing, total)
}

// show prints, exports and cuts the answer.
func (f *searchFlags) show(cmd *cobra.Command, con *console, lib *sqlite.Library, q library.Query, r library.Results) error {
	ctx := cmd.Context()
	videos, answer, err := f.reply(ctx, lib, q, r)
	if err != nil {
		return err
	}
	replies := []reply{answer}
	if slices.ContainsFunc(answer.hits, func(h hit) bool { return h.video.lost }) && (f.find.cut != "" || len(f.find.targets) > 0) {
		con.Warn("moments of videos whose files are gone are neither cut nor exported: add the files again where they are now")
	}
	// The answer is told though its clips and lists cannot be written.
	failure := errors.Join(f.cut(ctx, con, videos, replies), f.find.exportAll(videos, replies))
	out := cmd.OutOrStdout()
	if f.find.json {
		err = f.printJSON(out, q, r, replies[0])
	} else {
		if r.Videos > len(videos) { // it matters which one it is
			videos = append(videos, &searchedVideo{})
		}
		err = f.find.print(out, videos, replies)
	}
	if err = errors.Join(failure, err); err == nil && r.NoMatch {
		return errNoMatch
	}
	return err
}

// cut writes the clips.
func (f *searchFlags) cut(ctx context.Context, con *console, videos []*searchedVideo, replies []reply) error {
	if f.find.cut == "" {
		return nil
	}
	tools, err := media.Find(media.Options{FFmpeg: f.ffmpeg})
	if err != nil {
		return err
	}
	return f.find.cutAll(ctx, con, tools, videos, replies)
}

// reply is the answer in the words of tall find.
func (f *searchFlags) reply(ctx context.Context, lib *sqlite.Library, q library.Query, r library.Results) (videos []*searchedVideo, out reply, err error) {
	out.sentence = f.title(q)
	byID := map[library.ID]*searchedVideo{}
	for _, h := range r.Hits {
		v := byID[h.Video]
		if v == nil {
			known, err := lib.Video(ctx, h.Video)
			if err != nil {
				if errors.Is(err, tall.ErrMissing) {
					continue // removed meanwhile
				}
				return nil, out, err
			}
			v = &searchedVideo{path: cmp.Or(h.Path, string(h.Video)), lost: h.Path == "", facts: videoFacts{Duration: known.Duration, FPSNum: known.FPSNum, FPSDen: known.FPSDen, Width: known.Width, Height: known.Height, Audio: known.Audio}}
			byID[h.Video] = v
			videos = append(videos, v)
		}
		m := hit{video: v, span: h.Span, parts: h.Parts, score: float64(h.Score), confidence: h.Confidence, falseAlarm: 1 - h.Confidence}
		if !math.IsNaN(h.Confidence) {
			v.null.Scale = 1 // it is known
		}
		if out.best == nil {
			out.best = &m
		}
		if !r.NoMatch {
			out.hits = append(out.hits, m)
		}
	}
	return videos, out, nil
}

// title is the query as text.
func (f *searchFlags) title(q library.Query) string {
	if q.Like != nil {
		return "like " + f.like
	}
	text := strings.Join(q.Sentences, " then ")
	for _, word := range q.Exclude {
		text += " -" + word
	}
	return text
}

// searchHits lists hits as JSON.
func searchHits(hits []library.Hit, clips []hit) []searchHitJSON {
	out := []searchHitJSON{}
	milli := func(v float64) float64 { return math.Round(v*1000) / 1000 }
	for i, h := range hits {
		m := searchHitJSON{Rank: i + 1, ID: h.Video, Video: h.Path, Start: milli(h.Span.Start), End: milli(h.Span.End), Score: h.Score}
		if !math.IsNaN(h.Confidence) {
			m.Confidence = &h.Confidence
		}
		for _, p := range h.Parts {
			m.Parts = append(m.Parts, searchPartJSON{milli(p.Start), milli(p.End)})
		}
		if c := slices.IndexFunc(clips, func(c hit) bool { return c.span == h.Span && c.video.path == h.Path }); c >= 0 {
			m.Clip = clips[c].file
		}
		out = append(out, m)
	}
	return out
}

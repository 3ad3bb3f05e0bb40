package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"tall"
	"tall/export"
	"tall/media"
	"tall/report"
)

// exportTarget is a file and its format.
type exportTarget struct{ format, file string }

// parseExports reads --export FORMAT:FILE and FILE.FORMAT. For FORMAT alone the file is
// the next argument with that extension, which is taken from args.
func parseExports(values, args []string) ([]exportTarget, []string, error) {
	var out []exportTarget
	for _, value := range values {
		format, file, ok := strings.Cut(value, ":")
		extension := strings.TrimPrefix(strings.ToLower(filepath.Ext(value)), ".")
		switch {
		case ok && slices.Contains(export.Formats(), format) && file != "":
			out = append(out, exportTarget{format, file})
		case slices.Contains(export.Formats(), value):
			i := slices.IndexFunc(args, func(arg string) bool { return strings.EqualFold(filepath.Ext(arg), "."+value) })
			if i < 0 {
				return nil, nil, fmt.Errorf("--export %s: name the file too, as in --export %s:moments.%s", value, value, value)
			}
			out = append(out, exportTarget{value, args[i]})
			args = slices.Delete(slices.Clone(args), i, i+1)
		case slices.Contains(export.Formats(), extension):
			out = append(out, exportTarget{extension, value})
		default:
			return nil, nil, fmt.Errorf("--export %s: give FORMAT:FILE, as in edl:moments.edl; the formats are %s", value, strings.Join(export.Formats(), ", "))
		}
	}
	return out, args, nil
}

// exportAll writes the moments that match, of all sentences.
func (f *findFlags) exportAll(videos []*searchedVideo, replies []reply) error {
	if len(f.targets) == 0 {
		return nil
	}
	list := export.List{Title: replies[0].sentence}
	index := map[*searchedVideo]int{}
	for _, v := range videos {
		if v.lost {
			continue
		}
		path, err := filepath.Abs(v.path)
		if err != nil {
			return err
		}
		index[v] = len(list.Videos)
		list.Videos = append(list.Videos, export.Video{Path: path, Duration: v.facts.Duration, FPSNum: v.facts.FPSNum, FPSDen: v.facts.FPSDen, Width: v.facts.Width, Height: v.facts.Height, Audio: v.facts.Audio})
	}
	for _, r := range replies {
		for rank, h := range r.hits {
			if h.video.lost {
				continue
			}
			m := export.Moment{Video: index[h.video], Span: h.span, Sentence: r.sentence, Rank: rank + 1, Score: h.score}
			if !math.IsNaN(h.confidence) {
				m.Confidence = h.confidence
			}
			list.Moments = append(list.Moments, m)
		}
	}
	for _, t := range f.targets {
		err := writeTo(t.file, func(w io.Writer) error { return export.Write(w, t.format, list) })
		if err != nil {
			return fmt.Errorf("--export: %w", err)
		}
	}
	return nil
}

// writeTo replaces a file, or what a link names, or writes into what is no file, such as
// /dev/stdout or a pipe.
func writeTo(path string, write func(io.Writer) error) error {
	if real, err := filepath.EvalSymlinks(path); err == nil && !strings.HasPrefix(path, "/dev/") {
		path = real
	}
	info, err := os.Stat(path)
	if (err != nil || info.Mode().IsRegular() || info.IsDir()) && !strings.HasPrefix(path, "/dev/") {
		return tall.ReplaceFile(path, write)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// cutExtensions are those of files that media cuts into; of others come mp4 files.
var cutExtensions = []string{".mp4", ".mov", ".mkv", ".webm", ".avi", ".ts"}

// cutAll writes the moments that match as files of their own, none in the place of a video
// that was searched.
func (f *findFlags) cutAll(ctx context.Context, con *console, tools *media.Tools, videos []*searchedVideo, replies []reply) error {
	if f.cut == "" {
		return nil
	}
	total, done := 0, 0
	for _, r := range replies {
		total += len(r.hits)
	}
	if total == 0 {
		return nil
	}
	if info, err := os.Stat(f.cut); err == nil && !info.IsDir() {
		return fmt.Errorf("--cut: %w: %s is a file; name a folder for the clips", tall.ErrFormat, f.cut)
	}
	if err := os.MkdirAll(f.cut, 0o777); err != nil {
		return fmt.Errorf("--cut: %w", err)
	}
	if err := removeAbandoned(f.cut); err != nil {
		return fmt.Errorf("--cut: %w", err)
	}
	early, clips := 0.0, 0
	bar := con.progress("cut", "clips")
	defer bar.finish()
	infos := map[*searchedVideo]media.Info{}
	used := map[string]bool{}
	for _, v := range videos {
		used[strings.ToLower(filepath.Base(v.path))] = true
	}
	for _, r := range replies {
		for rank := range r.hits {
			h := &r.hits[rank]
			if h.video.lost {
				continue
			}
			bar.set(done, total, "")
			done++
			info, ok := infos[h.video]
			if !ok {
				var err error
				if info, err = tools.Probe(ctx, h.video.path); err != nil {
					return err
				}
				infos[h.video] = info
			}
			h.file = filepath.Join(f.cut, cutName(h.video.path, r.sentence, rank+1, used))
			held, err := tools.Cut(ctx, info, h.span, h.file, f.exact)
			if err != nil {
				return fmt.Errorf("--cut: %w", err)
			}
			h.clip = held
			if before := h.span.Start - held.Start; before > earlyClip {
				early = max(early, before)
				clips++
			}
		}
	}
	if clips > 0 {
		con.Info(fmt.Sprintf("%s at the key frame before the moment, up to %.1f s early; --exact cuts at the frame", begins(clips), early))
	}
	return nil
}

// earlyClip is how many seconds before its moment a clip may begin without a remark.
const earlyClip = 0.5

func begins(clips int) string {
	if clips == 1 {
		return "1 clip begins"
	}
	return fmt.Sprintf("%d clips begin", clips)
}

// cutName is "cooking_the-person-cracks-the-egg_1.mp4", once.
func cutName(video, sentence string, rank int, used map[string]bool) string {
	ext := strings.ToLower(filepath.Ext(video))
	if !slices.Contains(cutExtensions, ext) {
		ext = ".mp4"
	}
	base := strings.TrimLeft(fmt.Sprintf("%s_%s_%d", slug(stem(video)), slug(sentence), rank), "-._")
	name := base + ext
	for n := 2; used[name]; n++ {
		name = fmt.Sprintf("%s_%d%s", base, n, ext)
	}
	used[name] = true
	return name
}

// slug makes a text a part of a file's name: letters, digits and single dashes.
func slug(text string) string {
	const most = 48
	var b strings.Builder
	dash := false
	for _, r := range strings.ToLower(text) {
		if b.Len() >= most {
			break
		}
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			dash = b.Len() > 0
			continue
		}
		if dash {
			b.WriteByte('-')
			dash = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// findBarWidth is how many columns a video's time line has.
const findBarWidth = 40

// print writes the answers for people.
func (f *findFlags) print(w io.Writer, videos []*searchedVideo, replies []reply) error {
	style := report.StyleOf(w)
	for i, r := range replies {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%q\n", shorten(r.sentence, 200))
		if len(r.hits) == 0 {
			fmt.Fprintf(w, "no match: %s\n", f.nearMiss(r, len(videos)))
			continue
		}
		t := report.Table{Header: []string{"", "from", "to", "confidence", "where"}}
		if len(videos) > 1 {
			t.Header = append(t.Header, "video")
		}
		if f.cut != "" {
			t.Header = append(t.Header, "clip")
		}
		for rank, h := range r.hits {
			shown := []tall.Span{h.span}
			if h.parts != nil {
				shown = h.parts
			}
			row := []string{fmt.Sprint(rank + 1), report.Clock(h.span.Start), report.Clock(h.span.End), percent(h.confidence), report.Bar(shown, h.video.facts.Duration, findBarWidth, style)}
			if len(videos) > 1 {
				row = append(row, onOneLine(h.video.path))
			}
			if f.cut != "" {
				row = append(row, onOneLine(h.file))
			}
			t.Rows = append(t.Rows, row)
		}
		if err := t.Write(w); err != nil {
			return err
		}
	}
	moments := 0
	for _, r := range replies {
		for _, h := range r.hits {
			if !h.video.lost {
				moments++
			}
		}
	}
	for _, t := range f.targets {
		fmt.Fprintf(w, "\n%s written to %s, %s", t.format, t.file, counted(moments, "moment"))
	}
	if len(f.targets) > 0 {
		fmt.Fprintln(w)
	}
	return nil
}

// onOneLine is a path as a terminal can show it: quoted, where it holds line breaks or
// what terminals take for commands.
func onOneLine(path string) string {
	if strings.ContainsFunc(path, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) {
		return strconv.Quote(path)
	}
	return path
}

// nearMiss says how far the best moment was from a match.
func (f *findFlags) nearMiss(r reply, videos int) string {
	switch {
	case r.best == nil && videos == 1:
		return "no part of the video stands out from the rest"
	case r.best == nil:
		return "no part of the videos stands out from the rest"
	case !r.best.video.null.Known():
		return "the video is too short, or too uniform, to say what chance would find in it (--threshold 0 lists what there is)"
	}
	where := ""
	if videos > 1 {
		where = " of " + onOneLine(r.best.video.path)
	}
	return fmt.Sprintf("the best moment, %s to %s%s, has confidence %s; the threshold is %s (--threshold 0 lists it)",
		report.Clock(r.best.span.Start), report.Clock(r.best.span.End), where, percent(r.best.confidence), percent(f.threshold))
}

// percent shows a confidence, and never rounds it to certainty. NaN is none.
func percent(c float64) string {
	if math.IsNaN(c) {
		return "not measured"
	}
	if c > 0.999 && c < 1 || c == 1 {
		return ">99.9 %"
	}
	return fmt.Sprintf("%.1f %%", math.Floor(c*1000)/10)
}

type findJSON struct {
	Encoder   string          `json:"encoder"`
	Localizer string          `json:"localizer"`
	Threshold float64         `json:"threshold"`
	Videos    []findVideoJSON `json:"videos"`
	Answers   []findReplyJSON `json:"answers"`
}

type findVideoJSON struct {
	Path     string  `json:"path"`
	SHA256   string  `json:"sha256"`
	Duration float64 `json:"duration"`
	FPSNum   int     `json:"fps_num"`
	FPSDen   int     `json:"fps_den"`
	Seconds  float64 `json:"seconds"` // that the search took, encoding included
}

type findReplyJSON struct {
	Sentence   string        `json:"sentence"`
	Match      bool          `json:"match"`
	Confidence float64       `json:"confidence"` // of the best moment, whether it matches or not
	Moments    []findHitJSON `json:"moments"`
}

type findHitJSON struct {
	Rank       int     `json:"rank"`
	Video      string  `json:"video"`
	Start      float64 `json:"start"`
	End        float64 `json:"end"`
	Confidence float64 `json:"confidence"`
	FalseAlarm float64 `json:"false_alarm"`
	Score      float64 `json:"score"`
	Clip       string  `json:"clip,omitempty"`
	// What the clip holds, in seconds of the video; it begins at a key frame.
	ClipStart *float64 `json:"clip_start,omitempty"`
	ClipEnd   *float64 `json:"clip_end,omitempty"`
}

func (f *findFlags) printJSON(w io.Writer, e *engine, videos []*searchedVideo, replies []reply) error {
	out := findJSON{Encoder: e.spec, Localizer: e.localizer, Threshold: f.threshold, Videos: []findVideoJSON{}, Answers: []findReplyJSON{}}
	milli := func(v float64) float64 { return math.Round(v*1000) / 1000 }
	for _, v := range videos {
		out.Videos = append(out.Videos, findVideoJSON{v.path, strings.TrimPrefix(v.hash, "sha256:"), milli(v.facts.Duration), v.facts.FPSNum, v.facts.FPSDen, milli(v.seconds)})
	}
	for _, r := range replies {
		a := findReplyJSON{Sentence: r.sentence, Match: len(r.hits) > 0, Moments: []findHitJSON{}}
		if r.best != nil {
			a.Confidence = r.best.confidence
		}
		for rank, h := range r.hits {
			m := findHitJSON{
				Rank: rank + 1, Video: h.video.path, Start: milli(h.span.Start), End: milli(h.span.End),
				Confidence: h.confidence, FalseAlarm: h.falseAlarm, Score: h.score, Clip: h.file,
			}
			if h.file != "" {
				start, end := milli(h.clip.Start), milli(h.clip.End)
				m.ClipStart, m.ClipEnd = &start, &end
			}
			a.Moments = append(a.Moments, m)
		}
		out.Answers = append(out.Answers, a)
	}
	e2 := json.NewEncoder(w)
	e2.SetEscapeHTML(false)
	e2.SetIndent("", "  ")
	return e2.Encode(out)
}

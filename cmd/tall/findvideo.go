package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"tall"
	"tall/calibrate"
	"tall/encode"
	"tall/feature"
	"tall/media"
	"tall/weights"
)

// searchedVideo is a video and what it answered.
type searchedVideo struct {
	path, hash string
	lost       bool // no file of it is known, and path is its ID
	facts      videoFacts
	null       calibrate.Null
	hits       [][]hit // for each sentence, best first, suppressed
	seconds    float64 // that it took
}

// videoFacts are what exports need to know of a video. They stand in the metadata of its
// features, so that a question about a video that is known needs no ffmpeg.
type videoFacts struct {
	Duration float64 `json:"duration"`
	FPSNum   int     `json:"fps_num"`
	FPSDen   int     `json:"fps_den"`
	Width    int     `json:"width"`
	Height   int     `json:"height"`
	Audio    bool    `json:"audio"`
	Clock    float64 `json:"clock,omitempty"`   // of windows in files of their own: ticks a second
	Warning  string  `json:"warning,omitempty"` // of what the decoder passed over
}

// hit is a moment of a video.
type hit struct {
	video      *searchedVideo
	span       tall.Span   // seconds, within the video
	parts      []tall.Span // of several sentences that follow one another
	score      float64
	confidence float64
	falseAlarm float64
	file       string    // of the cut
	clip       tall.Span // that it holds
}

// Metadata of features beside what [encode.Files] writes.
const (
	metaWidth  = "width"
	metaHeight = "height"
	metaAudio  = "audio_tracks"
)

// search encodes a video where that was not done, and asks it all sentences. It returns
// nil for a video with the same content as an earlier one.
func (e *engine) search(ctx context.Context, con *console, path string, seen map[string]string, top int) (*searchedVideo, error) {
	if err := checkVideoFile(path); err != nil {
		return nil, err
	}
	hash, err := contentHash(path)
	if err != nil {
		return nil, err
	}
	if other, ok := seen[hash]; ok {
		con.Info("the same content as an earlier video, passed over", "video", path, "as", other)
		return nil, nil
	}
	seen[hash] = path
	v := &searchedVideo{path: path, hash: hash}
	dir, err := e.featuresDir()
	if err != nil {
		return nil, err
	}
	name := strings.TrimPrefix(hash, "sha256:")
	file := filepath.Join(dir, name+featuresExt)
	if _, ok := e.video.(windowed); ok {
		file = filepath.Join(dir, name)
		dir = file
	}
	if v.facts, err = readFacts(file); err != nil {
		if err := e.encode(ctx, con, path, dir, name); err != nil {
			return nil, err
		}
		if v.facts, err = readFacts(file); err != nil {
			return nil, err
		}
	}
	if v.facts.Warning != "" { // at every question, as its answer lacks what is missing
		con.Warn(path + ": " + v.facts.Warning)
	}
	prepared, closeFeatures, err := e.prepare(ctx, con, file, v.facts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer closeFeatures()
	if v.null, err = e.calibrate(ctx, con, prepared, hash); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return v, e.ask(ctx, prepared, v, top)
}

// checkVideoFile refuses what would block or never end when it is hashed.
func checkVideoFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", tall.ErrMissing, err)
	case !info.IsDir() && !info.Mode().IsRegular():
		return fmt.Errorf("%w: %s is a device, a pipe or a socket, and no file", tall.ErrUnsafe, path)
	case !info.IsDir() && info.Size() == 0:
		return fmt.Errorf("%w: %s is empty (0 bytes)", tall.ErrFormat, path)
	}
	return nil
}

// encode makes the features of a video.
func (e *engine) encode(ctx context.Context, con *console, path, dir, name string) error {
	info, err := e.tools.Probe(ctx, path)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("features cannot be kept: %w; name a folder for them with XDG_CACHE_HOME", err)
	}
	if err := removeAbandoned(dir); err != nil {
		return err
	}
	bar := con.progress("encode "+filepath.Base(path), "s of video")
	defer bar.finish()
	warning := ""
	f := encode.Files{
		Tools: e.tools, Video: e.video,
		Progress: func(at, total float64) { bar.set(int(at), int(math.Ceil(total)), "") },
		Warn:     func(err error) { warning = strings.TrimPrefix(err.Error(), path+": ") },
	}
	_, err = f.Save(ctx, path, dir, name, map[string]string{
		metaWidth: strconv.Itoa(info.Width), metaHeight: strconv.Itoa(info.Height), metaAudio: strconv.Itoa(info.Audio),
	})
	if w, ok := e.video.(windowed); ok && err == nil {
		return writeJSON(filepath.Join(dir, factsName), videoFacts{info.Duration, info.FPSNum, info.FPSDen, info.Width, info.Height, info.Audio > 0, w.Clock(info), warning})
	}
	return err
}

// windowed is an encoder whose features are a folder of windows for each video (c3d).
type windowed interface {
	Clock(video media.Info) float64
}

// factsName is what says, in a folder of windows, that they are complete.
const factsName = "video.json"

// readFacts reads the metadata of a file of features. Whatever is wrong with it is
// cured by encoding again.
func readFacts(path string) (v videoFacts, err error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		err = readJSON(filepath.Join(path, factsName), &v)
		return v, err
	}
	f, err := os.Open(path)
	if err != nil {
		return v, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return v, err
	}
	_, meta, err := weights.ReadSafetensorsHeader(f, info.Size())
	if err != nil {
		return v, err
	}
	number := func(text string) int {
		n, parseErr := strconv.Atoi(text)
		err = errors.Join(err, parseErr)
		return n
	}
	num, den, _ := strings.Cut(meta["fps"], "/")
	v.FPSNum, v.FPSDen = number(num), number(den)
	v.Width, v.Height = number(meta[metaWidth]), number(meta[metaHeight])
	v.Audio = number(meta[metaAudio]) > 0
	v.Warning = meta[encode.WarningKey]
	duration, parseErr := strconv.ParseFloat(meta["duration"], 64)
	v.Duration = duration
	return v, errors.Join(err, parseErr)
}

// prepare brings a video's features before the localizer. Closing gives back what they
// hold.
func (e *engine) prepare(ctx context.Context, con *console, file string, facts videoFacts) (p tall.Prepared, closeFeatures func(), err error) {
	if e.model == nil {
		features, err := rowsOf(file, facts.Duration)
		if err != nil {
			return nil, nil, err
		}
		p, err := e.contrast.Prepare(ctx, features)
		return p, func() {}, err
	}
	in, err := e.model.inputs(ctx, file, facts.Clock, func(err error) { con.Warn(err.Error()) })
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			in.Close()
		}
	}()
	features, err := in.Stream(in.Videos()[0])
	if err != nil {
		return nil, nil, err
	}
	p, err = e.model.trained.localizer().Prepare(ctx, features)
	return p, func() { in.Close() }, err
}

// rowsOf reads a file of features as rows in seconds.
func rowsOf(file string, duration float64) (*tall.Features, error) {
	tracks, err := feature.OpenTracks(file, feature.TrackOptions{})
	if err != nil {
		return nil, err
	}
	f, err := tracks.Features(tracks.Videos()[0])
	if err != nil {
		return nil, err
	}
	if last := &f.Spans[len(f.Spans)-1]; duration > last.Start {
		last.End = min(last.End, duration)
	}
	return f, nil
}

// calibrate finds what unrelated sentences reach over the video, and remembers it.
func (e *engine) calibrate(ctx context.Context, con *console, p tall.Prepared, hash string) (calibrate.Null, error) {
	dir, err := e.featuresDir()
	if err != nil {
		return calibrate.Null{}, err
	}
	path := filepath.Join(e.cache, "calibration", digest("evidence 1", filepath.Base(dir), hash, e.id, e.bankID)+".json")
	var null calibrate.Null
	if readJSON(path, &null) == nil && null.Known() {
		return null, nil
	}
	bar := con.progress("calibrate", "sentences")
	defer bar.finish()
	null, err = calibrate.Measure(ctx, p, e.bank, func(done, total int) { bar.set(done, total, "") })
	if err != nil || !null.Known() {
		return null, err
	}
	if err := writeJSON(path, null); err != nil && !errors.Is(err, fs.ErrPermission) {
		con.Warn("the calibration cannot be kept, so every question makes it anew: " + err.Error())
	}
	return null, nil
}

// sentencesOfFind bounds the memory for answers, which list every moment.
const sentencesOfFind = 8

// ask fills in the hits of all sentences.
func (e *engine) ask(ctx context.Context, p tall.Prepared, v *searchedVideo, top int) error {
	for part := range slices.Chunk(e.asked, sentencesOfFind) {
		answers, err := p.Localize(ctx, part)
		if err != nil {
			return err
		}
		for _, a := range answers {
			v.hits = append(v.hits, v.moments(a, calibrate.Evidence(p, a), top))
		}
	}
	return nil
}

// suppressed is how many moments are kept for each that is listed, as parts of better ones
// are dropped after suppression.
const suppressed = 20

// moments are those of an answer that lie in the video, suppressed, best first.
func (v *searchedVideo) moments(a tall.Scored, evidence []float64, top int) []hit {
	var out []hit
	for _, m := range v.null.Moments(a, evidence, v.facts.Duration, suppressed*top) {
		out = append(out, hit{video: v, span: m.Span, score: float64(m.Score), confidence: m.Confidence, falseAlarm: m.FalseAlarm})
	}
	return out
}

// reply is the answer to one sentence from all videos.
type reply struct {
	sentence string
	hits     []hit // at least as confident as the threshold, best first
	best     *hit  // of all; nil: no video has a moment at all
}

// replies ranks the moments of all videos for each sentence.
func (e *engine) replies(videos []*searchedVideo, top int, threshold float64) []reply {
	out := make([]reply, len(e.asked))
	for i, s := range e.asked {
		var all []hit
		for _, v := range videos {
			all = append(all, v.hits[i][:min(top, len(v.hits[i]))]...)
		}
		slices.SortStableFunc(all, func(a, b hit) int {
			return cmp.Or(cmp.Compare(a.falseAlarm, b.falseAlarm), cmp.Compare(b.score, a.score))
		})
		out[i].sentence = s.Text
		if len(all) > 0 {
			out[i].best = &all[0]
		}
		for _, h := range all[:min(top, len(all))] {
			if h.confidence >= threshold {
				out[i].hits = append(out[i].hits, h)
			}
		}
	}
	return out
}

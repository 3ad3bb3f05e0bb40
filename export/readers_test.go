package export

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"tall/internal/shared"
)

// ffmpeg's subtitle parsers read what is written, with the times that it should have.
func TestSubtitles_ReadByFFprobe(t *testing.T) {
	ffprobe := shared.Tool(t, "ffprobe")
	want := sample(25, 1).Moments
	for _, format := range []string{SRT, VTT} {
		path := filepath.Join(t.TempDir(), "moments."+format)
		if err := os.WriteFile(path, []byte(write(t, format, sample(25, 1))), 0o644); err != nil {
			t.Fatal(err)
		}
		text, err := exec.CommandContext(t.Context(), ffprobe, "-v", "error", "-of", "json", "-show_entries", "packet=pts_time,duration_time:stream=codec_name", path).Output()
		if err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		var got struct {
			Packets []struct {
				PTS      string `json:"pts_time"`
				Duration string `json:"duration_time"`
			}
			Streams []struct {
				Codec string `json:"codec_name"`
			}
		}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if len(got.Packets) != len(want) || len(got.Streams) != 1 || got.Streams[0].Codec != map[string]string{SRT: "subrip", VTT: "webvtt"}[format] {
			t.Fatalf("%s: %s", format, text)
		}
		for i, p := range got.Packets {
			start, err1 := strconv.ParseFloat(p.PTS, 64)
			duration, err2 := strconv.ParseFloat(p.Duration, 64)
			if err1 != nil || err2 != nil || math.Abs(start-want[i].Start) > 1e-9 || math.Abs(duration-want[i].Len()) > 1e-9 { // whole milliseconds
				t.Errorf("%s: cue %d at %s for %s, want %v", format, i+1, p.PTS, p.Duration, want[i].Span)
			}
		}
	}
}

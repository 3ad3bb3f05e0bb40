package export

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"tall"
)

// The elements of FCPXML 1.9 that are used, in the order of their fields
// (https://developer.apple.com/documentation/professional-video-applications/fcpxml-reference).
type (
	fcpxml struct {
		XMLName xml.Name    `xml:"fcpxml"`
		Version string      `xml:"version,attr"`
		Formats []fcpFormat `xml:"resources>format"`
		Assets  []fcpAsset  `xml:"resources>asset"`
		Event   fcpEvent    `xml:"library>event"`
	}
	fcpFormat struct {
		ID            string `xml:"id,attr"`
		FrameDuration string `xml:"frameDuration,attr"`
		Width         int    `xml:"width,attr,omitempty"`
		Height        int    `xml:"height,attr,omitempty"`
	}
	fcpAsset struct {
		ID            string   `xml:"id,attr"`
		Name          string   `xml:"name,attr"`
		Start         string   `xml:"start,attr"`
		Duration      string   `xml:"duration,attr"`
		HasVideo      int      `xml:"hasVideo,attr"`
		Format        string   `xml:"format,attr"`
		HasAudio      int      `xml:"hasAudio,attr,omitempty"`
		AudioSources  int      `xml:"audioSources,attr,omitempty"`
		AudioChannels int      `xml:"audioChannels,attr,omitempty"`
		Media         fcpMedia `xml:"media-rep"`
	}
	fcpMedia struct {
		Kind string `xml:"kind,attr"`
		Src  string `xml:"src,attr"`
	}
	fcpEvent struct {
		Name     string       `xml:"name,attr"`
		Projects []fcpProject `xml:"project"`
	}
	fcpProject struct {
		Name     string      `xml:"name,attr"`
		Sequence fcpSequence `xml:"sequence"`
	}
	fcpSequence struct {
		Format   string    `xml:"format,attr"`
		Duration string    `xml:"duration,attr"`
		Start    string    `xml:"tcStart,attr"`
		Timecode string    `xml:"tcFormat,attr"`
		Clips    []fcpClip `xml:"spine>asset-clip"`
	}
	fcpClip struct {
		Ref      string `xml:"ref,attr"`
		Name     string `xml:"name,attr"`
		Offset   string `xml:"offset,attr"`
		Start    string `xml:"start,attr"`
		Duration string `xml:"duration,attr"`
		Timecode string `xml:"tcFormat,attr"`
		Note     string `xml:"note,omitempty"`
	}
)

// writeFCPXML writes a project for each video, with the moments one behind the other, so
// that every time lies on a frame boundary of the one rate that its sequence has.
func writeFCPXML(w io.Writer, l List) error {
	doc := fcpxml{Version: "1.9", Event: fcpEvent{Name: line(l.Title)}}
	for i, v := range l.Videos {
		var moments []Moment
		for _, m := range l.Moments {
			if m.Video == i {
				moments = append(moments, m)
			}
		}
		if len(moments) == 0 {
			continue
		}
		if err := doc.add(v, moments); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(w, xml.Header+"<!DOCTYPE fcpxml>\n"); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(doc); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (doc *fcpxml) add(v Video, moments []Moment) error {
	r, err := v.rate("FCPXML")
	if err != nil {
		return err
	}
	src, err := fileURL(v.Path)
	if err != nil {
		return err
	}
	n := len(doc.Assets)
	format, asset := fmt.Sprintf("r%d", 2*n+1), fmt.Sprintf("r%d", 2*n+2)
	doc.Formats = append(doc.Formats, fcpFormat{ID: format, FrameDuration: r.seconds(1), Width: v.Width, Height: v.Height})
	timecode := "NDF"
	if r.drop() > 0 {
		timecode = "DF"
	}
	offset, end := 0, v.frame(v.Duration)
	sequence := fcpSequence{Format: format, Start: "0s", Timecode: timecode}
	for _, m := range moments {
		from, to := v.frames(m)
		clip := fcpClip{Ref: asset, Name: line(m.Sentence), Offset: r.seconds(offset), Start: r.seconds(from), Duration: r.seconds(to - from), Timecode: timecode}
		if clip.Name == "" {
			clip.Name = line(v.name())
		}
		if m.Confidence > 0 {
			clip.Note = fmt.Sprintf("confidence %.3f", m.Confidence)
		}
		sequence.Clips = append(sequence.Clips, clip)
		offset += to - from
		end = max(end, to)
	}
	sequence.Duration = r.seconds(offset)
	a := fcpAsset{ID: asset, Name: line(v.name()), Start: "0s", Duration: r.seconds(end), HasVideo: 1, Format: format, Media: fcpMedia{Kind: "original-media", Src: src}}
	if v.Audio {
		a.HasAudio, a.AudioSources, a.AudioChannels = 1, 1, 2
	}
	doc.Assets = append(doc.Assets, a)
	doc.Event.Projects = append(doc.Event.Projects, fcpProject{Name: line(v.name()), Sequence: sequence})
	return nil
}

// fileURL is the URL of an absolute path: file:///home/me/a%20b.mp4, file:///C:/a.mp4.
func fileURL(path string) (string, error) {
	slashed := filepath.ToSlash(path)
	if len(slashed) > 2 && slashed[1] == ':' && slashed[2] == '/' {
		slashed = "/" + slashed
	}
	if !strings.HasPrefix(slashed, "/") {
		return "", fmt.Errorf("%w: FCPXML refers to files by their whole path, and %q is not one", tall.ErrFormat, path)
	}
	return (&url.URL{Scheme: "file", Path: slashed}).String(), nil
}

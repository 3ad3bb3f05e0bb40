package library

import (
	"slices"
	"time"
)

// ID identifies a video by its content: "sha256-" and 64 hexadecimal digits. Renamed or
// moved files keep it, copies share it.
type ID string

// State says how far a video, or its features of one encoder, have come.
type State string

// The states.
const (
	Waiting State = "waiting" // queued
	Working State = "working" // being encoded
	Ready   State = "ready"   // searched
	Failed  State = "failed"  // set aside after the last try; Reason says why
	Missing State = "missing" // no file of this content is where it was; still searched
	Damaged State = "damaged" // what is stored does not match its hash; not searched
)

// Video is one entry of the collection.
type Video struct {
	ID ID
	// Paths are where this content lies, absolute; the first is the one that is played.
	Paths    []string
	Size     int64     // bytes
	Modified time.Time // of the file at Paths[0]
	Added    time.Time

	Facts
	State    State  // Ready where any encoder's features are
	Reason   string // of Failed, Missing and Damaged
	Features []Features
}

// settle sets the state by those of the features: the best of them. Reason is what the last
// of them to change says of itself.
func (v *Video) settle(reason string) {
	if v.State == Missing {
		return
	}
	v.State, v.Reason = Waiting, ""
	for _, s := range []State{Ready, Working, Waiting, Damaged, Failed} {
		if slices.ContainsFunc(v.Features, func(f Features) bool { return f.State == s }) {
			v.State = s
			break
		}
	}
	if v.State == Failed || v.State == Damaged {
		v.Reason = reason
	}
}

// Features are the state of what one encoder made of a video.
type Features struct {
	Encoder string // name of the Engine
	State   State
	Rows    int
	Hash    string // SHA-256 of the stored file, hexadecimal
	Reason  string
	// Calibration is what unrelated sentences reach over the video, by [Localizer.ID].
	Calibration map[string]Calibration
}

// Filter chooses videos. The zero value takes all.
type Filter struct {
	IDs           []ID   // nil: all
	Path          string // exactly this one, among a video's paths
	Folder        string // videos below it
	Text          string // part of the path, any case
	States        []State
	After, Before time.Time // of Video.Modified, which must be known; zero: unbounded
	// MinDuration and MaxDuration bound the length in seconds; 0: unbounded.
	MinDuration, MaxDuration float64
}

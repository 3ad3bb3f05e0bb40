package media

// Frame is one picture of a video.
type Frame struct {
	Index         int     // 0, 1, 2 ... in the order of delivery
	Time          float64 // seconds from the beginning of the video
	Width, Height int     // pixels
	Pix           []byte  // (Height, Width, 3) RGB, row-major; valid until the next frame is asked for
}

// Source delivers frames in order of time; after the last one the error is io.EOF.
// It is for one goroutine at a time.
type Source interface {
	Next() (Frame, error)
}

// Fit says how frames come to the size that is asked for.
type Fit string

// The ways of fitting.
const (
	// FitNone leaves the size of the video (with square pixels, upright).
	FitNone Fit = ""
	// FitStretch gives exactly Width x Height, whatever that does to the shape.
	FitStretch Fit = "stretch"
	// FitShort keeps the shape; the shorter side becomes Width (= Height).
	FitShort Fit = "short"
	// FitInside keeps the shape; the frame becomes as large as fits into
	// Width x Height, and is never enlarged.
	FitInside Fit = "inside"
)

// Sampling says which frames of a video are delivered, and how large.
type Sampling struct {
	// Rate is how many frames a second: frame k shows the video at From + k/Rate
	// seconds, whatever the video's own rate is. 0: every frame of the file, with
	// its own time.
	Rate          float64
	Fit           Fit
	Width, Height int
	// From and To bound the part that is read, in seconds; To 0: to the end.
	From, To float64
}

// Info is what a video holds, as [Tools.Probe] found it.
type Info struct {
	Path string
	// Duration is the time from the beginning to the end of the last picture, seconds.
	Duration float64
	// Width and Height in pixels as shown: upright, with square pixels.
	Width, Height int
	// FPS is the real (average) frame rate as a fraction, such as 30000/1001.
	FPSNum, FPSDen int
	// Frames is their number, 0 where the container does not say.
	Frames int
	// Variable reports a frame rate that changes.
	Variable bool
	// Start is the container's own time, in seconds, of its beginning: of the earliest
	// of its tracks. A player shows it as 0:00, and every time that users see is
	// counted from it.
	Start float64
	// Delay is when the first picture is shown, in seconds from Start: above 0 where
	// the sound begins before the pictures.
	Delay float64
	// Lag is by how many seconds ffmpeg's times of pictures are late, besides: in AVI
	// files, which hold the order of decoding only.
	Lag    float64
	Codec  string // such as "h264"
	Format string // of the container, such as "mov,mp4,m4a,3gp,3g2,mj2"; "y4m", "images"
	Audio  int    // number of audio tracks
	Stream int    // number of the video track among all tracks, as ffmpeg counts them
	// Pixels is ffmpeg's name of how the pixels are stored, such as "yuv420p10le".
	Pixels string
	// Matrix and Transfer are ffmpeg's names of how colors are coded, such as "bt709"
	// and "smpte2084" (HDR); empty where the file does not say.
	Matrix, Transfer string
}

// FPS is the frame rate as a number, 0 where it is unknown.
func (i Info) FPS() float64 {
	if i.FPSDen == 0 {
		return 0
	}
	return float64(i.FPSNum) / float64(i.FPSDen)
}

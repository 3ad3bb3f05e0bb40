package media

import (
	"fmt"
	"strings"
)

// scaler is the filters that bring pictures to a size and a pixel format. Catmull-Rom is
// the bicubic that image libraries use; swscale widens it when shrinking, so that nothing
// aliases.
func scaler(info Info, width, height int, pixels string, can abilities) string {
	const flags = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp:param0=0:param1=0.5"
	scale := fmt.Sprintf("scale=%d:%d:%s", width, height, flags)
	if hdr(info) && can.tonemaps {
		return scale + ",format=yuv444p16le," + tonemap(info) + ",scale=" + flags + ",format=" + pixels
	}
	if info.Matrix == "" && hd(info.Width, info.Height) {
		scale += ":in_color_matrix=bt709" // what players take HD for when it does not say
	}
	return scale + ",format=" + pixels
}

// hd says whether players take a video that does not name its colors for BT.709.
func hd(width, height int) bool { return width >= 1280 || height > 576 }

// hdr says whether the values of a video stand for the brightness of an HDR screen: PQ
// (SMPTE ST 2084) or HLG (ARIB STD-B67).
func hdr(info Info) bool {
	return info.Transfer == "smpte2084" || info.Transfer == "arib-std-b67"
}

// tonemap makes HDR look as on an ordinary screen: without it, all is gray and pale, which
// no encoder has learned from. White is 203 cd/m2 (ITU-R BT.2408); what is brighter is
// squeezed, what is darker mostly stays.
func tonemap(info Info) string {
	return strings.Join([]string{
		"zscale=tin=" + info.Transfer + ":min=bt2020nc:pin=bt2020:t=linear:npl=203",
		"format=gbrpf32le",
		"zscale=p=bt709",
		"tonemap=mobius:desat=0",
		"zscale=t=bt709:m=bt709:r=tv",
		"format=yuv444p",
	}, ",")
}

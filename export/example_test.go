package export_test

import (
	"fmt"
	"os"

	"tall"
	"tall/export"
)

func ExampleWrite() {
	list := export.List{
		Title:   "egg",
		Videos:  []export.Video{{Path: "/videos/cooking.mp4", Duration: 120, FPSNum: 30000, FPSDen: 1001}},
		Moments: []export.Moment{{Span: tall.Span{Start: 59.5, End: 64}, Sentence: "the person cracks the egg", Confidence: 0.99}},
	}
	if err := export.Write(os.Stdout, export.EDL, list); err != nil {
		fmt.Println(err)
	}
	// Output:
	// TITLE: egg
	// FCM: DROP FRAME
	//
	// 001  AX       V     C        00:00:59;13 00:01:04;00 01:00:00;00 01:00:04;15
	// * FROM CLIP NAME: cooking.mp4
	// * COMMENT: the person cracks the egg
}

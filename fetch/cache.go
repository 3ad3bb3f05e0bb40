package fetch

import (
	"fmt"
	"os"
	"path/filepath"

	"tall"
)

// ReleasedURL is the model that the reference's release 1.8 offers for download
// (README of the PaddlePaddle port).
const ReleasedURL = "https://paddlemodels.bj.bcebos.com/video_grounding/TALL.pdparams"

// CacheDir is the folder for downloads: tall below $XDG_CACHE_HOME, or below
// the system's cache folder where that is not set. It need not exist yet.
func CacheDir() (string, error) {
	root := os.Getenv("XDG_CACHE_HOME")
	if root == "" || !filepath.IsAbs(root) { // relative ones are to be ignored (XDG base directories)
		var err error
		if root, err = os.UserCacheDir(); err != nil {
			return "", fmt.Errorf("%w: no folder for downloads: %w; set XDG_CACHE_HOME to one", tall.ErrMissing, err)
		}
	}
	return filepath.Join(root, "tall"), nil
}

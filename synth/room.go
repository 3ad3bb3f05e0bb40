package synth

import "fmt"

// checkRoom returns an error where the corpus does not fit into the free space
// below dir.
func checkRoom(dir string, c *corpus, windows int) error {
	bytes, files, ok := room(dir)
	if !ok {
		return nil
	}
	return fits(dir, c, windows, bytes, files)
}

// fits compares the size of a corpus with what is free.
func fits(dir string, c *corpus, windows int, bytes, files int64) error {
	const (
		block = 4096 // a file takes whole ones on most file systems
		spare = 1 << 20
	)
	d := c.options.Dims
	need := int64(windows)*roundUp(int64(4*d.Feature+128), block) + spare
	for _, s := range c.options.splits() {
		need += int64(s.Sentences) * int64(4*d.Sentence+1024) // and a line of text
	}
	if bytes < need {
		return fmt.Errorf("synthetic corpus: %s has %s free, %s are needed for %d files; name a folder elsewhere, or ask for fewer videos, windows or dimensions",
			dir, gigabytes(bytes), gigabytes(need), windows)
	}
	if files >= 0 && files < int64(windows)+64 {
		return fmt.Errorf("synthetic corpus: the file system of %s takes %d more files, %d are needed; name a folder elsewhere, or ask for fewer videos or windows",
			dir, files, windows)
	}
	return nil
}

func roundUp(n, unit int64) int64 { return (n + unit - 1) / unit * unit }

func gigabytes(n int64) string {
	if n < 1e9 {
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}

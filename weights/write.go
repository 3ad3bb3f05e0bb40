package weights

import (
	"fmt"
	"path/filepath"
	"strings"

	"tall"
)

// Extensions lists the file names' endings that [Write] knows.
func Extensions() []string {
	return []string{".safetensors", ".pdparams", ".pdiparams", ".save_combine"}
}

// Write writes a file in the format that the path's extension names; only
// safetensors keeps f.Meta. The file is replaced as a whole or not at all.
func Write(path string, f *File) error {
	switch ext := filepath.Ext(path); ext {
	case ".safetensors":
		return WriteSafetensors(path, f)
	case ".pdparams":
		return WritePdparams(path, f.Tensors)
	case ".pdiparams", ".save_combine":
		return WriteSaveCombine(path, f.Tensors)
	default:
		return fmt.Errorf("write %s: %w: extension %q; weights are written as %s", path, tall.ErrFormat, ext, strings.Join(Extensions(), ", "))
	}
}

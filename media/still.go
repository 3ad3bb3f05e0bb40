package media

import "context"

const formatY4M = "y4m"
func isY4M(string) (bool, error) { return false, nil }
func probeY4M(string, int64) (Info, error) { return Info{}, nil }
func readY4M(context.Context, Info, Sampling) (*Reader, error) { return nil, nil }
func (t *Tools) probeImages(string) (Info, error) { return Info{}, nil }
func (t *Tools) readImages(context.Context, Info, Sampling) (*Reader, error) { return nil, nil }

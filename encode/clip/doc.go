// Package clip encodes frames and sentences into one space with CLIP (Radford et al. 2021).
package clip

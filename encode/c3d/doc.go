// Package c3d encodes windows of frames with C3D (Tran et al. 2015).
package c3d

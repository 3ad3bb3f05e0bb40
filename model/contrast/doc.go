// Package contrast finds moments without training, where frames and sentences share a space.
package contrast

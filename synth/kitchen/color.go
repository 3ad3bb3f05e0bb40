package kitchen

// Color is a color that a sentence can name.
type Color string

// The colors of things.
const (
	Red    Color = "red"
	Orange Color = "orange"
	Yellow Color = "yellow"
	Green  Color = "green"
	Blue   Color = "blue"
	Purple Color = "purple"
	Pink   Color = "pink"
	White  Color = "white"
	Black  Color = "black"
	Brown  Color = "brown"
	Gray   Color = "gray"
)

// rgb is the color as it is painted.
func (c Color) rgb() rgb {
	switch c {
	case Red:
		return rgb{212, 56, 50}
	case Orange:
		return rgb{240, 134, 42}
	case Yellow:
		return rgb{244, 202, 58}
	case Green:
		return rgb{84, 160, 72}
	case Blue:
		return rgb{58, 118, 200}
	case Purple:
		return rgb{120, 70, 156}
	case Pink:
		return rgb{236, 138, 166}
	case White:
		return rgb{246, 243, 236}
	case Black:
		return rgb{52, 50, 58}
	case Brown:
		return rgb{150, 98, 58}
	}
	return rgb{164, 168, 176} // gray
}

// Colors of what has no name in sentences.
var (
	wood   = rgb{198, 152, 100}
	steel  = rgb{196, 202, 210}
	shadow = rgb{30, 20, 24}
	white  = rgb{255, 255, 255}
	milk   = rgb{250, 248, 240}
	yolk   = rgb{250, 184, 40}
	leaf   = rgb{78, 142, 70}
)
